//! What is said to patients, and how it gets to them.

mod email;
mod log;
mod memory;
#[cfg(feature = "smtp")]
mod smtp;
mod template;

pub use email::{EmailFailure, EmailTransport, OutgoingEmail};
pub use log::LogEmail;
pub use memory::MemoryEmail;
#[cfg(feature = "smtp")]
pub use smtp::{
    InvalidSender, InvalidSmtpUrl, MailSender, SmtpConfigError, SmtpEmail, SmtpEmailBuilder, SmtpUrl,
};
pub use template::{ClinicName, NoticeText, NoticeValues, Template, TemplateError, VisitTime};
