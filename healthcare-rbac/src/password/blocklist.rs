//! Passwords nobody may choose.

use std::fmt;

/// Knows the passwords that attackers try first. NIST SP 800-63B-4 §3.1.1.2: compared with the whole password.
pub trait Blocklist: fmt::Debug + Send + Sync {
    /// Whether `password` (in NFKC) is one of them.
    fn contains(&self, password: &str) -> bool;
}

/// A small built-in list: well-known long passwords, and anything that only repeats a short piece or runs along the
/// keyboard. A host with a breach corpus puts it behind [`Blocklist`] instead.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommonPasswords;

/// Long enough to pass the length rule, and found near the top of published breach counts.
const KNOWN: &[&str] = &[
    "administratoradministrator",
    "changemechangeme",
    "changemeplease1",
    "correcthorsebatterystaple",
    "healthcarehealthcare",
    "hospitalhospital",
    "iloveyouiloveyou",
    "letmeinletmein1",
    "letmeinpleasenow",
    "passwordpassword",
    "password12345678",
    "password123456789",
    "passw0rdpassw0rd",
    "qwertyuiopasdfgh",
    "qwertyuiop123456",
    "thisisapassword",
    "thisismypassword",
    "unitedstatesofamerica",
    "welcomewelcome1",
    "youwillneverguess",
];

/// Rows that fingers run along.
const RUNS: &[&str] = &[
    "01234567890123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];

impl Blocklist for CommonPasswords {
    fn contains(&self, password: &str) -> bool {
        let folded: String = password.chars().flat_map(char::to_lowercase).collect();
        let reversed: String = folded.chars().rev().collect();
        KNOWN.contains(&folded.as_str())
            || RUNS.iter().any(|run| run.contains(&folded) || run.contains(&reversed))
            || repeats_short_piece(&folded)
    }
}

/// Whether the text is a piece of at most four characters, over and over.
fn repeats_short_piece(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=4).any(|period| {
        chars.len() > period && chars.iter().zip(chars.iter().skip(period)).all(|(a, b)| a == b)
    })
}
