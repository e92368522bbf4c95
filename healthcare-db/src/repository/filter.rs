//! Row filters as SQL.
//!
//! What cannot be translated is FALSE: an unknown column, an unknown relation, a filter of a later version. Every condition is
//! TRUE or FALSE, never NULL, so that it means the same under OR.

use super::select::Select;
use healthcare_core::{AccessError, Profile, Record, RowFilter, Value, ValueKind};

/// The most ids in one filter, and the most parts of one.
const PARTS_MAX: usize = 500;
/// How deep filters may be nested.
const DEPTH_MAX: usize = 8;

pub(super) fn apply<T: Record>(filter: &RowFilter, select: &mut Select) -> Result<(), AccessError> {
    if *filter == RowFilter::All {
        return Ok(());
    }
    let condition = condition::<T>(filter, select, 0)?;
    select.and(&condition);
    Ok(())
}

fn condition<T: Record>(
    filter: &RowFilter,
    select: &mut Select,
    depth: usize,
) -> Result<String, AccessError> {
    if depth > DEPTH_MAX {
        return Err(AccessError::TooMany { limit: DEPTH_MAX });
    }
    Ok(match filter {
        RowFilter::All => "TRUE".to_owned(),
        RowFilter::In(fact, ids) if !ids.is_empty() => {
            let Some(column) = column::<T>(fact) else { return Ok("FALSE".to_owned()) };
            if ids.len() > PARTS_MAX {
                return Err(AccessError::TooMany { limit: PARTS_MAX });
            }
            let ids: Vec<_> = ids.iter().map(|id| select.bind(Value::Uuid(*id))).collect();
            format!("(t.{column} IS NOT NULL AND t.{column} IN ({}))", ids.join(", "))
        }
        RowFilter::Related(party) => related(party, select),
        RowFilter::Every(all) => joined::<T>(all, " AND ", "TRUE", select, depth)?,
        RowFilter::Any(any) => joined::<T>(any, " OR ", "FALSE", select, depth)?,
        _ => "FALSE".to_owned(),
    })
}

fn joined<T: Record>(
    parts: &[RowFilter],
    word: &str,
    empty: &str,
    select: &mut Select,
    depth: usize,
) -> Result<String, AccessError> {
    if parts.len() > PARTS_MAX {
        return Err(AccessError::TooMany { limit: PARTS_MAX });
    }
    if parts.is_empty() {
        return Ok(empty.to_owned());
    }
    let parts: Result<Vec<_>, _> = parts.iter().map(|part| condition::<T>(part, select, depth + 1)).collect();
    Ok(format!("({})", parts?.join(word)))
}

/// The column of that name, as the program writes it: a filter's own text never becomes SQL.
fn column<T: Record>(fact: &str) -> Option<&'static str> {
    match fact {
        "id" => Some("id"),
        "subject_id" => Some("subject_id"),
        _ => T::COLUMNS
            .iter()
            .find(|column| column.name == fact && column.kind == ValueKind::Uuid)
            .map(|column| column.name),
    }
}

/// Treating: the practitioner of an encounter or of an appointment of the person that is not cancelled. A patient is related to themselves.
fn related(party: &Profile, select: &mut Select) -> String {
    match &*party.kind {
        "practitioner" => {
            let id = select.bind(Value::Uuid(party.id));
            let by = |table: &str, stands: &str| {
                format!(
                    "EXISTS (SELECT 1 FROM {table} r WHERE r.clinic_id = $1 AND r.practitioner_id = {id} \
                     AND r.subject_id = t.subject_id{stands})"
                )
            };
            format!("({} OR {})", by("encounter", ""), by("appointment", " AND r.status <> 'cancelled'"))
        }
        "patient" => {
            let id = select.bind(Value::Uuid(party.id));
            format!("(t.subject_id IS NOT NULL AND t.subject_id = {id})")
        }
        _ => "FALSE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use healthcare_core::{Appointment, Patient};
    use std::sync::Arc;
    use uuid::Uuid;

    fn sql<T: Record>(filter: &RowFilter) -> String {
        let (text, _) = Select::of::<T>(filter).unwrap().build().unwrap();
        text.text().split("LIMIT 1 OFFSET 0))").nth(1).unwrap().trim_start_matches(" AND ").to_owned()
    }

    #[test]
    fn what_is_not_known_is_false() {
        let ids: Arc<[Uuid]> = Arc::new([Uuid::nil()]);
        assert_eq!(sql::<Patient>(&RowFilter::In("practitioner_id".into(), Arc::clone(&ids))), "FALSE");
        assert_eq!(sql::<Patient>(&RowFilter::In("1=1) OR (id".into(), Arc::clone(&ids))), "FALSE");
        assert_eq!(sql::<Patient>(&RowFilter::In("id".into(), Arc::new([]))), "FALSE");
        assert_eq!(sql::<Patient>(&RowFilter::Any(Arc::new([]))), "FALSE");
        let robot = Profile { kind: "device".into(), id: Uuid::nil() };
        assert_eq!(sql::<Patient>(&RowFilter::Related(robot)), "FALSE");
        assert_eq!(
            sql::<Appointment>(&RowFilter::In("practitioner_id".into(), ids)),
            "(t.practitioner_id IS NOT NULL AND t.practitioner_id IN ($2))"
        );
    }

    #[test]
    fn parts_are_joined_in_parentheses() {
        let id = |n| RowFilter::In("id".into(), Arc::new([Uuid::from_u128(n)]));
        let any = RowFilter::Any(Arc::new([id(1), id(2)]));
        let every = RowFilter::Every(Arc::new([any, RowFilter::All]));
        assert_eq!(
            sql::<Patient>(&every),
            "(((t.id IS NOT NULL AND t.id IN ($2)) OR (t.id IS NOT NULL AND t.id IN ($3))) AND TRUE)"
        );
    }
}
