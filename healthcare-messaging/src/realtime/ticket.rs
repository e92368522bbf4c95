//! Tickets: how a browser's script, which can set no header on a WebSocket, shows who it is.

use crate::sync::Mutex;
use healthcare_core::{Clock, UserId};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

const TICKETS_MAX: usize = 10_000;
const USER_TICKETS_MAX: usize = 16;
/// 256 bits, as hex.
const TEXT_LEN: usize = 64;

/// Tickets of one process: 256 random bits, good once and for half a minute.
///
/// `T` is what the ticket was given for: the sign-in and the rights of whoever asked. A ticket belongs into the WebSocket's
/// protocol header and never into an address, because addresses are written into logs.
///
/// ```
/// use healthcare_core::{SystemClock, UserId};
/// use healthcare_messaging::Tickets;
/// use std::sync::Arc;
///
/// let tickets = Tickets::new(Arc::new(SystemClock::default()));
/// let ticket = tickets.issue(UserId::random(), "what it is for")?;
/// assert_eq!(tickets.redeem(ticket.as_str()), Some("what it is for"));
/// assert_eq!(tickets.redeem(ticket.as_str()), None, "once");
/// # Ok::<(), healthcare_messaging::TicketRefused>(())
/// ```
pub struct Tickets<T> {
    clock: Arc<dyn Clock>,
    issued: Mutex<Issued<T>>,
}

struct Issued<T> {
    known: HashMap<[u8; 32], Ticket<T>>,
    /// In the order in which they end.
    order: VecDeque<(Duration, [u8; 32])>,
    users: HashMap<UserId, usize>,
}

struct Ticket<T> {
    user: UserId,
    ends: Duration,
    value: T,
}

/// There is no ticket to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketRefused {
    /// The user, or the process, has as many unused tickets as it may: some end within half a minute.
    #[error("too many unused tickets: use them, or wait half a minute")]
    TooMany,
    /// The operating system gave no random bits.
    #[error("no random bits")]
    NoRandom,
}

/// A ticket's text. Its `Debug` shows nothing.
pub struct TicketText(String);

impl TicketText {
    /// The text: 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TicketText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketText(..)")
    }
}

impl<T> fmt::Debug for Tickets<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl<T> Tickets<T> {
    /// How long a ticket is good.
    pub const LIFE: Duration = Duration::from_secs(30);

    /// No tickets yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let issued = Issued { known: HashMap::new(), order: VecDeque::new(), users: HashMap::new() };
        Self { clock, issued: Mutex::new(issued) }
    }

    /// A ticket for this user.
    ///
    /// # Errors
    /// [`TicketRefused`] when there are too many unused ones: 16 of a user, 10,000 in all.
    pub fn issue(&self, user: UserId, value: T) -> Result<TicketText, TicketRefused> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| TicketRefused::NoRandom)?;
        let now = self.clock.monotonic();
        let mut issued = self.issued.lock();
        issued.forget_old(now);
        let of_user = issued.users.get(&user).copied().unwrap_or_default();
        if issued.known.len() >= TICKETS_MAX || of_user >= USER_TICKETS_MAX {
            return Err(TicketRefused::TooMany);
        }
        let ends = now.saturating_add(Self::LIFE);
        issued.users.insert(user, of_user.saturating_add(1));
        issued.known.insert(secret, Ticket { user, ends, value });
        issued.order.push_back((ends, secret));
        drop(issued);
        Ok(TicketText(secret.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// What a ticket was given for, once.
    pub fn redeem(&self, text: &str) -> Option<T> {
        let secret = bytes(text)?;
        let now = self.clock.monotonic();
        let mut issued = self.issued.lock();
        let ticket = issued.take(&secret)?;
        issued.forget_old(now);
        (now < ticket.ends).then_some(ticket.value)
    }
}

impl<T> Issued<T> {
    fn take(&mut self, secret: &[u8; 32]) -> Option<Ticket<T>> {
        let ticket = self.known.remove(secret)?;
        let left = self.users.get(&ticket.user).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            self.users.remove(&ticket.user);
        } else {
            self.users.insert(ticket.user, left);
        }
        Some(ticket)
    }

    /// One that was used stays in the order until its end: as many as can be issued in half a minute.
    fn forget_old(&mut self, now: Duration) {
        while let Some((_, secret)) = self.order.pop_front_if(|(ends, _)| *ends <= now) {
            drop(self.take(&secret));
        }
    }
}

/// Lower-case hexadecimal alone: one ticket, one spelling.
fn bytes(text: &str) -> Option<[u8; 32]> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut secret = [0; 32];
    for (to, pair) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(secret)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
