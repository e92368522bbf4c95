//! Looks: plain commands in one round trip, judged here; and the scripts, for whatever those cannot conclude.
//!
//! A script is carried out at one moment, but costs the server several times as much. Plain commands are carried out one after the
//! other: first the values are read, then what was forgotten, so a value that is current by what is read after it was current
//! at that moment. That something is over, forgotten or barred is never concluded here.

use super::{
    standing::{self, Standing},
    tier::{Inner, hexadecimal},
    value::{self, Stored},
};
use crate::{
    Mark, ScopeMark,
    shared::{
        error::SharedError,
        limits::{self, SharedLimits},
        types::{Fetched, Lease, Leased, Seen, SharedEntry, Sought, Verdict},
    },
};
use redis::{Pipeline, Value, from_redis_value};
use std::time::Duration;

impl Inner {
    pub(super) async fn look_for_all(
        &self,
        scope: ScopeMark,
        sought: &[Sought<'_>],
    ) -> Result<Vec<Fetched>, SharedError> {
        limits::named(sought.len())?;
        let mut found = self.plain_look(scope, sought).await?;
        let rest: Vec<usize> =
            (0..found.len()).filter(|place| matches!(found.get(*place), Some(None))).collect();
        if !rest.is_empty() {
            let wanted: Vec<Sought<'_>> =
                rest.iter().filter_map(|place| sought.get(*place)).copied().collect();
            let fetched = self.fetch_by_script(scope, &wanted).await?;
            for ((place, sought), fetched) in rest.into_iter().zip(wanted).zip(fetched) {
                self.luck.was(is_plain(&fetched, sought));
                if let Some(found) = found.get_mut(place) {
                    *found = Some(fetched);
                }
            }
        }
        found.into_iter().collect::<Option<_>>().ok_or(SharedError::Garbled)
    }

    pub(super) async fn look_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        if let Some(Some(Fetched::Hit(entry))) = self.plain_look(scope, &[sought]).await?.pop()
            && entry.left >= lease.renew
        {
            self.luck.was(true);
            return Ok(Leased::Hit { entry, is_leased: false });
        }
        let leased = self.lease_by_script(scope, sought.key, lease).await?;
        self.luck.was(match &leased {
            Leased::Hit { entry, is_leased } => !is_leased && is_plain_hit(entry, sought),
            Leased::Yours(_) | Leased::Theirs(_) => false,
        });
        Ok(leased)
    }

    /// Whether what was filled with this fence is current, by plain commands. They say nothing else.
    pub(super) async fn is_plainly_current(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        seen: Seen,
    ) -> Result<bool, SharedError> {
        let (epoch, _) = self.known.of(scope);
        if epoch != seen.epoch {
            return Ok(false);
        }
        let mut commands = Pipeline::with_capacity(3);
        // Nothing lies under this name: it holds the rest to where the writes go.
        commands.cmd("GETEX").arg(self.name(scope, "v"));
        self.ask_standing(&mut commands, scope, epoch, marks);
        let mut answers = self.link.send_all(&commands).await?.into_iter().skip(1);
        let standing = self.standing(scope, epoch, marks, &mut answers)?;
        Ok(standing
            .is_some_and(|standing| standing.has_current(seen.epoch, seen.number, marks.iter().copied())))
    }

    /// What plain commands find out, each in its place.
    async fn plain_look(
        &self,
        scope: ScopeMark,
        sought: &[Sought<'_>],
    ) -> Result<Vec<Option<Fetched>>, SharedError> {
        let (epoch, _) = self.known.of(scope);
        if epoch == 0 || sought.is_empty() || !self.luck.is_good() {
            return Ok(vec![None; sought.len()]);
        }
        let marks: Vec<Mark> = sought.iter().flat_map(likely).collect();
        let mut commands = Pipeline::with_capacity(5);
        self.ask_values(&mut commands, scope, sought);
        self.ask_standing(&mut commands, scope, epoch, &marks);
        commands.cmd("TIME");
        let mut answers = self.link.send_all(&commands).await?.into_iter();
        let mut values: Vec<Value> = answers.next().into_iter().collect();
        if sought.len() > 1 {
            let Some(Value::Array(rest)) = answers.next() else { return Err(SharedError::Garbled) };
            values.extend(rest);
        }
        let standing = self.standing(scope, epoch, &marks, &mut answers)?;
        let (Some(standing), Some(clock)) = (standing, answers.next().and_then(milliseconds)) else {
            return Ok(vec![None; sought.len()]);
        };
        if values.len() != sought.len() {
            return Err(SharedError::Garbled);
        }
        let longest = self.limits.life_ms(Duration::MAX);
        let judged = values.into_iter().zip(sought).map(|(value, sought)| match value {
            Value::Nil => Some(Fetched::Miss(standing.now)),
            Value::BulkString(bytes) => {
                let stored = value::decode(bytes)?;
                let left = stored.ends.checked_sub(clock).filter(|left| (1..=longest).contains(left))?;
                let marks = [sought.key].into_iter().chain(stored.marks.iter().copied());
                standing
                    .has_current(stored.epoch, stored.number, marks)
                    .then(|| Fetched::Hit(entry(stored, left, standing.now)))
            }
            _ => None,
        });
        Ok(judged.collect())
    }

    fn ask_values(&self, commands: &mut Pipeline, scope: ScopeMark, sought: &[Sought<'_>]) {
        let Some((first, rest)) = sought.split_first() else { return };
        // As GET, but a cluster's client never sends it to a replica, and then nothing that is sent with it: a replica lags.
        commands.cmd("GETEX").arg(self.value_name(scope, first.key));
        if !rest.is_empty() {
            let base = self.name(scope, "v:");
            commands.cmd("MGET");
            for Sought { key, .. } in rest {
                commands.arg(format!("{base}{:032x}", u128::from_be_bytes(key.0)));
            }
        }
    }

    fn ask_standing(&self, commands: &mut Pipeline, scope: ScopeMark, epoch: u64, marks: &[Mark]) {
        commands.add_command(standing::scores(&self.name(scope, "m"), epoch, marks));
        commands.add_command(standing::numbers(&self.name(scope, "s")));
    }

    /// What was answered to that, if it is clear and no less than this node knows.
    fn standing(
        &self,
        scope: ScopeMark,
        epoch: u64,
        marks: &[Mark],
        answers: &mut impl Iterator<Item = Value>,
    ) -> Result<Option<Standing>, SharedError> {
        let (Some(scores), Some(numbers)) = (answers.next(), answers.next()) else {
            return Err(SharedError::Garbled);
        };
        let Some(standing) = Standing::read(epoch, marks, scores, numbers)? else { return Ok(None) };
        let (known_epoch, known_number) = self.known.of(scope);
        let Seen { number, generation, .. } = standing.now;
        if known_epoch != epoch || number < known_number || generation < self.known.generation() {
            return Ok(None);
        }
        self.known.learn(scope, epoch, number);
        self.known.hear(generation);
        Ok(Some(standing))
    }

    async fn fetch_by_script(
        &self,
        scope: ScopeMark,
        sought: &[Sought<'_>],
    ) -> Result<Vec<Fetched>, SharedError> {
        let mut question = self.question(scope);
        for sought in sought {
            question = question.key(self.value_name(scope, sought.key)).arg(&sought.key.0);
        }
        let (epoch, number, generation, found): (String, u64, u64, Vec<Value>) =
            self.run(&self.scripts.fetch, &question).await?;
        let now = self.learn(scope, &epoch, number, generation)?;
        if found.len() != sought.len() {
            return Err(SharedError::Garbled);
        }
        found.into_iter().map(|found| fetched(found, now)).collect()
    }

    async fn lease_by_script(
        &self,
        scope: ScopeMark,
        key: Mark,
        lease: Lease,
    ) -> Result<Leased, SharedError> {
        let renew = u64::try_from(lease.renew.as_millis()).unwrap_or(u64::MAX);
        let question = self
            .question(scope)
            .key(self.value_name(scope, key))
            .key(self.lease_name(scope, key))
            .arg(&key.0)
            .arg(hexadecimal(lease.token.0))
            .arg(SharedLimits::lease_ms(lease.longest))
            .arg(renew);
        let (epoch, number, generation, (turn, found)): (String, u64, u64, (u8, Value)) =
            self.run(&self.scripts.lease, &question).await?;
        let now = self.learn(scope, &epoch, number, generation)?;
        let is_leased = turn == 1;
        // What lies there and is no value is no reason to wait.
        let is_yours = is_leased || found != Value::Nil;
        Ok(match fetched(found, now)? {
            Fetched::Hit(entry) => Leased::Hit { entry, is_leased },
            Fetched::Miss(seen) if is_yours => Leased::Yours(seen),
            Fetched::Miss(seen) => Leased::Theirs(seen),
        })
    }
}

/// The marks that a plain look asks about for one value.
fn likely<'a>(sought: &'a Sought<'_>) -> impl Iterator<Item = Mark> + 'a {
    [sought.key].into_iter().chain(sought.likely.iter().take(SharedLimits::MARKS_PER_ENTRY).copied())
}

/// Whether a plain look would have found this, too.
fn is_plain(fetched: &Fetched, sought: Sought<'_>) -> bool {
    match fetched {
        Fetched::Hit(entry) => is_plain_hit(entry, sought),
        Fetched::Miss(_) => true,
    }
}

fn is_plain_hit(entry: &SharedEntry, sought: Sought<'_>) -> bool {
    let is_last = entry.seen.number == entry.now.number;
    !entry.is_over && (is_last || entry.marks.iter().all(|mark| sought.likely.contains(mark)))
}

/// What a script found under a key: nothing, or the value, its remaining life in milliseconds and the verdict.
fn fetched(found: Value, now: Seen) -> Result<Fetched, SharedError> {
    if found == Value::Nil {
        return Ok(Fetched::Miss(now));
    }
    let (bytes, left, verdict): (Vec<u8>, i64, u8) =
        from_redis_value(found).map_err(|_| SharedError::Garbled)?;
    let is_over = match super::tier::verdict_of(verdict)? {
        Verdict::Current => false,
        Verdict::Over => true,
        Verdict::Stale | Verdict::Barred => return Err(SharedError::Garbled),
    };
    // A value without an end was not written by a fill.
    let left = u64::try_from(left).unwrap_or(0);
    let Some(stored) = value::decode(bytes).filter(|_| left > 0) else {
        return Ok(Fetched::Miss(now));
    };
    Ok(Fetched::Hit(SharedEntry { is_over, ..entry(stored, left, now) }))
}

fn entry(stored: Stored, left_ms: u64, now: Seen) -> SharedEntry {
    let seen = Seen { epoch: stored.epoch, number: stored.number, generation: now.generation };
    let Stored { marks, bytes, .. } = stored;
    SharedEntry { bytes, seen, marks, left: Duration::from_millis(left_ms), is_over: false, now }
}

/// The server's clock, in milliseconds.
fn milliseconds(time: Value) -> Option<u64> {
    let (seconds, micros): (u64, u64) = from_redis_value(time).ok()?;
    seconds.checked_mul(1_000)?.checked_add(micros / 1_000)
}
