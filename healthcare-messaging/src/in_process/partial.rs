use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// Events that some subscribers had and others failed; the oldest is forgotten beyond this.
const REMEMBERED_MAX: usize = 4_096;

/// Who already had an event that will be published again. Forgetting costs a subscriber an event twice.
#[derive(Debug, Default)]
pub(super) struct Partial {
    had: HashMap<Uuid, Vec<u64>>,
    order: VecDeque<Uuid>,
}

impl Partial {
    pub(super) fn had(&self, event: Uuid) -> Vec<u64> {
        self.had.get(&event).cloned().unwrap_or_default()
    }

    pub(super) fn remember(&mut self, event: Uuid, subscribers: Vec<u64>) {
        if self.had.insert(event, subscribers).is_some() {
            return;
        }
        self.order.push_back(event);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.had.remove(&oldest);
        }
    }

    pub(super) fn forget(&mut self, event: Uuid) {
        if self.had.remove(&event).is_some() {
            self.order.retain(|known| *known != event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let mut partial = Partial::default();
        let ids: Vec<Uuid> = (0..=REMEMBERED_MAX as u128).map(Uuid::from_u128).collect();
        for id in &ids {
            partial.remember(*id, vec![1]);
            partial.remember(*id, vec![1, 2]);
        }
        assert_eq!((partial.had.len(), partial.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert_eq!(partial.had(ids[0]), [0_u64; 0]);
        assert_eq!(partial.had(ids[1]), [1, 2]);
        for id in &ids {
            partial.forget(*id);
        }
        assert!(partial.had.is_empty() && partial.order.is_empty());
    }
}
