use super::{EmailFailure, EmailTransport, OutgoingEmail};
use async_trait::async_trait;

/// Sends nothing, and logs that it would have: the message's id, and neither text nor address. For where no mail server is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogEmail;

#[async_trait]
impl EmailTransport for LogEmail {
    async fn send(&self, email: &OutgoingEmail) -> Result<(), EmailFailure> {
        tracing::info!(email = %email.id, "an e-mail would have been sent: no mail server is set");
        Ok(())
    }

    fn delivers(&self) -> bool {
        false
    }
}
