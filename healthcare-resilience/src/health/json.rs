use super::{CheckReport, ComponentReport, HealthDetails, HealthReport, State};
use crate::{StartReport, StepState};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `/health`: state and phase, nothing by which an attacker could choose what to attack.
pub(super) fn summary(report: &HealthReport) -> Value {
    json!({ "status": report.state.as_str(), "phase": report.phase.as_str() })
}

/// `/health/detailed`.
pub(super) fn detailed(details: &HealthDetails) -> Value {
    let mut page = json!({
        "status": details.report.state.as_str(),
        "phase": details.report.phase.as_str(),
        "uptime_seconds": details.uptime.as_secs(),
        "checks": details.report.checks.iter().map(check).collect::<Value>(),
        "components": details.report.components.iter().map(component).collect::<Value>(),
    });
    if let Value::Object(page) = &mut page {
        if let Some(start) = &details.start {
            page.insert("start".to_owned(), steps(start));
        }
        if !details.in_flight.is_empty() {
            let in_flight =
                details.in_flight.iter().map(|(stage, count)| ((*stage).to_owned(), json!(count)));
            page.insert("in_flight".to_owned(), Value::Object(in_flight.collect()));
        }
    }
    page
}

fn check(check: &CheckReport) -> Value {
    json!({
        "name": check.name,
        "required": check.is_required,
        "status": check.state.as_str(),
        "reason": check.reason,
        "age_ms": millis(check.age),
        "took_ms": millis(check.took),
        "failures_in_row": check.failures_in_row,
        "last_failure": check.last_failure.map(|failure| json!({
            "class": failure.class.as_str(),
            "reason": failure.reason,
            "ago_ms": millis(failure.ago),
        })),
    })
}

fn component(component: &ComponentReport) -> Value {
    json!({
        "kind": component.kind,
        "name": component.name,
        "status": component.condition.state.as_str(),
        "state": component.condition.word,
        "last_failure": component.condition.last_failure,
        "readings": readings(component),
    })
}

fn readings(component: &ComponentReport) -> Value {
    // A number that JSON cannot tell is null.
    component.condition.readings.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn steps(start: &StartReport) -> Value {
    let step = |step: &crate::StepReport| {
        let state = match step.state {
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
        };
        json!({ "name": step.name, "state": state, "tries": step.tries, "took_ms": millis(step.took) })
    };
    start.steps.iter().map(step).collect()
}

/// `/health/api`: the fields of draft-inadarei-api-health-check-06, an expired Internet-Draft. Its media type is
/// `application/health+json`.
pub(super) fn standard(details: &HealthDetails, is_detailed: bool) -> Value {
    let report = &details.report;
    let mut page = Map::new();
    page.insert("status".to_owned(), status(report.state).into());
    if report.state != State::Up {
        page.insert("notes".to_owned(), json!([report.phase.as_str()]));
    }
    if is_detailed {
        page.insert("checks".to_owned(), Value::Object(standard_checks(details)));
    }
    Value::Object(page)
}

fn standard_checks(details: &HealthDetails) -> Map<String, Value> {
    let now = SystemTime::now();
    let mut checks = Map::new();
    for check in &details.report.checks {
        let mut entry = json!({
            "componentType": "component",
            "observedValue": millis(check.took),
            "observedUnit": "ms",
            "status": status(check.state),
            "time": rfc3339(now.checked_sub(check.age).unwrap_or(now)),
        });
        if let (Some(reason), Value::Object(entry)) = (check.reason, &mut entry) {
            entry.insert("output".to_owned(), reason.into());
        }
        checks.insert(key(check.name, "responseTime"), json!([entry]));
    }
    for it in &details.report.components {
        let mut entry = json!({
            "componentType": "component",
            "observedValue": it.condition.word,
            "status": status(it.condition.state.min(State::Degraded)),
            "time": rfc3339(now),
        });
        if let Value::Object(entry) = &mut entry {
            if !it.condition.readings.is_empty() {
                entry.insert("readings".to_owned(), readings(it));
            }
            if let Some(failure) = it.condition.last_failure {
                entry.insert("lastFailure".to_owned(), failure.into());
            }
        }
        checks.insert(key(it.name, it.kind), json!([entry]));
    }
    let uptime = json!([{
        "componentType": "system",
        "observedValue": details.uptime.as_secs(),
        "observedUnit": "s",
        "status": "pass",
        "time": rfc3339(now),
    }]);
    checks.insert("uptime".to_owned(), uptime);
    checks
}

/// The colon separates name and measurement, so neither may hold one.
fn key(name: &str, measured: &str) -> String {
    format!("{}:{}", name.replace(':', "_"), measured.replace(':', "_"))
}

const fn status(state: State) -> &'static str {
    match state {
        State::Up => "pass",
        State::Degraded => "warn",
        State::Down => "fail",
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// UTC to the second, as RFC 3339 writes it.
fn rfc3339(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date so many days after 1970-01-01. Years are counted from March, so that the leap day is a year's last.
const fn date(days: u64) -> (u64, u64, u64) {
    const FROM_MARCH_OF_YEAR_ZERO: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days + FROM_MARCH_OF_YEAR_ZERO;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_thousand_years_has_its_date() {
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..365_243 {
            assert_eq!(date(days), (year, month, day));
            let length = match month {
                2 if is_leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                _ if day == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn a_time_is_written_to_the_second() {
        // The example of RFC 3339 section 5.8, in UTC and without its leap second.
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(662_687_999)), "1990-12-31T23:59:59Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_key_has_one_colon() {
        assert_eq!(key("a:b", "c:d"), "a_b:c_d");
    }
}
