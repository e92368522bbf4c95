//! What patients are told, in words.

use super::about::About;
use healthcare_messaging::{Template, TemplateError};

/// The text of a message.
pub(super) fn template(about: About) -> Result<Template, TemplateError> {
    match about {
        About::Booked => Template::new("Your appointment at {clinic}", BOOKED),
        About::Rescheduled => Template::new("Your appointment at {clinic} has a new time", RESCHEDULED),
        About::Cancelled => Template::new("Your appointment at {clinic} is cancelled", CANCELLED),
        About::Reminder => Template::new("Reminder: your appointment at {clinic}", REMINDER),
    }
}

const BOOKED: &str = "\
Your appointment at {clinic} is booked for

    {day}, {time} ({zone})

If you cannot come, please tell the clinic in good time.

This message was sent automatically. Please do not answer it.
";

const RESCHEDULED: &str = "\
Your appointment at {clinic} has a new time:

    {day}, {time} ({zone})

If you cannot come then, please tell the clinic in good time.

This message was sent automatically. Please do not answer it.
";

const CANCELLED: &str = "\
Your appointment at {clinic} that was to be on

    {day}, {time} ({zone})

is cancelled. If you did not expect this, please call the clinic.

This message was sent automatically. Please do not answer it.
";

const REMINDER: &str = "\
You are expected at {clinic} on

    {day}, {time} ({zone})

If you cannot come, please tell the clinic as soon as you can.

This message was sent automatically. Please do not answer it.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_can_be_written() {
        assert!(About::ALL.iter().all(|about| template(*about).is_ok()));
    }
}
