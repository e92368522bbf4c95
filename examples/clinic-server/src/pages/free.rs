//! Free times: of a week, and instead of one that was taken.

use super::{
    diary::{Colleague, Diary, in_words},
    session::Visitor,
    view::{TimeChoice, Times, TimesDay},
};
use crate::{App, api::book_problem, http::Problem};
use healthcare_core::{Id, Interval, Practitioner, StartTime};
use jiff::{Timestamp, ToSpan, civil::Date};
use std::collections::BTreeMap;

/// How many days are looked at.
const DAYS: i64 = 7;
/// How many other practitioners are asked when a time was taken.
const OTHERS_MAX: usize = 6;
/// How many alternatives are offered.
const ALTERNATIVES_MAX: usize = 8;

/// When somebody has room in the seven days from this one.
pub(super) async fn week(
    app: &App,
    visitor: &Visitor,
    diary: &Diary,
    with: &Colleague,
    (service, day): (&str, Date),
) -> Result<Vec<Interval>, Problem> {
    let end = day.checked_add(DAYS.days()).map_err(|_| Problem::field("day", "choose an earlier day"))?;
    between(app, visitor, with.id, service, (diary.midnight(day)?, diary.midnight(end)?)).await
}

async fn between(
    app: &App,
    visitor: &Visitor,
    with: Id<Practitioner>,
    service: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Interval>, Problem> {
    let instant = |at: Timestamp| {
        at.to_string().parse::<StartTime>().map_err(|error| Problem::field("day", error.to_string()))
    };
    let range = (instant(from)?, instant(to)?);
    let found = app.appointments.availability(&visitor.caller.context, with, service, range).await;
    Ok(found.map_err(|error| book_problem(error, "day"))?.slots().to_vec())
}

/// The slots of a week as a page shows them.
pub(super) fn by_day(with: &Colleague, slots: &[Interval], (about, day): (String, Date)) -> Times {
    let mut days: BTreeMap<Date, Vec<TimeChoice>> = BTreeMap::new();
    for slot in slots {
        let local = slot.starts().to_zoned(with.zone.as_jiff().clone());
        days.entry(local.date()).or_default().push(time(with, slot.starts()));
    }
    let days = days.into_iter().map(|(day, times)| TimesDay { words: in_words(day), times }).collect();
    Times { about, days, later: day.checked_add(DAYS.days()).unwrap_or(day).to_string() }
}

fn time(with: &Colleague, at: Timestamp) -> TimeChoice {
    let local = at.to_zoned(with.zone.as_jiff().clone());
    TimeChoice { value: format!("{at}@{}", with.id), label: local.strftime("%H:%M").to_string(), about: None }
}

/// The free times nearest to one that was taken: with the same practitioner, and with others on that day.
pub(super) async fn instead(
    app: &App,
    visitor: &Visitor,
    diary: &Diary,
    (at, with): (Timestamp, Id<Practitioner>),
    service: &str,
) -> Result<Vec<TimeChoice>, Problem> {
    let day = diary.date(at);
    let mut near: Vec<(i64, TimeChoice)> = Vec::new();
    let takes = |one: &&Colleague| one.active && one.location.is_some();
    let (same, others): (Vec<_>, Vec<_>) =
        diary.colleagues.iter().filter(takes).partition(|one| one.id == with);
    for one in same.into_iter().chain(others.into_iter().take(OTHERS_MAX)) {
        let slots = if one.id == with {
            week(app, visitor, diary, one, (service, day)).await?
        } else {
            let next = day.tomorrow().unwrap_or(day);
            between(app, visitor, one.id, service, (diary.midnight(day)?, diary.midnight(next)?)).await?
        };
        let mut offered: Vec<_> = slots
            .iter()
            .map(|slot| {
                let local = slot.starts().to_zoned(one.zone.as_jiff().clone());
                let about = format!("{}, {}", local.strftime("%a %-d %b"), one.name);
                let away = slot.starts().duration_since(at).as_secs().abs();
                (away, TimeChoice { about: Some(about), ..time(one, slot.starts()) })
            })
            .collect();
        offered.sort_by_key(|(away, _)| *away);
        near.extend(offered.into_iter().take(ALTERNATIVES_MAX / 2));
    }
    near.sort_by_key(|(away, _)| *away);
    near.truncate(ALTERNATIVES_MAX);
    Ok(near.into_iter().map(|(_, choice)| choice).collect())
}
