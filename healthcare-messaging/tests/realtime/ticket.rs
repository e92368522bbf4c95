//! Tickets.

use healthcare_core::{ManualClock, UserId};
use healthcare_messaging::{TicketRefused, Tickets};
use std::{collections::HashSet, sync::Arc, time::Duration};

fn tickets() -> (Arc<ManualClock>, Tickets<u32>) {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let tickets = Tickets::new(Arc::clone(&clock) as _);
    (clock, tickets)
}

#[test]
fn a_ticket_is_good_once_and_for_half_a_minute() {
    let (clock, tickets) = tickets();
    let user = UserId::random();
    let ticket = tickets.issue(user, 7).unwrap();
    assert_eq!((tickets.redeem(ticket.as_str()), tickets.redeem(ticket.as_str())), (Some(7), None));
    let ticket = tickets.issue(user, 8).unwrap();
    clock.advance(Duration::from_millis(29_999));
    assert_eq!(tickets.redeem(ticket.as_str()), Some(8));
    let ticket = tickets.issue(user, 9).unwrap();
    clock.advance(Duration::from_secs(30));
    assert_eq!(tickets.redeem(ticket.as_str()), None);
}

#[test]
fn a_ticket_has_one_spelling_and_shows_nothing_in_a_log() {
    let (_, tickets) = tickets();
    let ticket = tickets.issue(UserId::random(), 1).unwrap();
    let text = ticket.as_str();
    assert_eq!(text.len(), 64);
    assert!(!format!("{ticket:?} {tickets:?}").contains(&text[..8]));
    // One may be digits alone by chance: then there is one spelling already.
    let upper = text.to_ascii_uppercase();
    for wrong in ["", "0", &text[1..], &format!("{text}0"), &format!(" {}", &text[1..]), &"é".repeat(32)] {
        assert_eq!(tickets.redeem(wrong), None);
    }
    if upper != text {
        assert_eq!(tickets.redeem(&upper), None);
    }
    assert_eq!(tickets.redeem(text), Some(1));
}

#[test]
fn tickets_differ_and_are_limited() {
    let (clock, tickets) = tickets();
    let user = UserId::random();
    let texts: HashSet<String> =
        (0..16).map(|at| tickets.issue(user, at).unwrap().as_str().to_owned()).collect();
    assert_eq!(texts.len(), 16);
    assert_eq!(tickets.issue(user, 16).map(drop), Err(TicketRefused::TooMany));
    let other = tickets.issue(UserId::random(), 17).unwrap();
    // One that is used makes place, and those that have ended do.
    tickets.redeem(texts.iter().next().unwrap()).unwrap();
    tickets.issue(user, 18).unwrap();
    assert_eq!(tickets.issue(user, 19).map(drop), Err(TicketRefused::TooMany));
    clock.advance(Duration::from_secs(30));
    (0..16).for_each(|at| drop(tickets.issue(user, at).unwrap()));
    assert_eq!(tickets.redeem(other.as_str()), None);
}
