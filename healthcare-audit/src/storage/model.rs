//! A file system in memory that forgets: what was not synced may be lost at a crash, in pieces of a sector, and any operation
//! can be made to fail.

use super::{Storage, StoredFile};
use crate::verify::Verifier;
use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard},
};

const SECTOR: usize = 512;

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trick {
    /// It fails; a write has reached part of the file, a flush has cleaned the cache without storing it.
    Fail(io::ErrorKind),
    /// The machine stops before it: this and every later operation fails, and unsynced sectors are lost at random.
    Stop,
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// What a reader sees.
    cached: Vec<u8>,
    /// What the disk holds.
    durable: Vec<u8>,
    /// Sectors that differ because nothing made them durable yet.
    dirty: Vec<bool>,
    linked: bool,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    /// The directory as a reader sees it, and as the disk holds it.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    operations: u64,
    trick: Option<(u64, Trick)>,
    stopped: bool,
    locked: bool,
    random: u64,
}

/// One directory. Clones are the same directory.
#[derive(Clone, Default)]
pub(crate) struct ModelDisk(Arc<Mutex<State>>);

impl fmt::Debug for ModelDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelDisk")
    }
}

impl State {
    fn coin(&mut self) -> bool {
        // xorshift64*: the same seed, the same crash.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63 == 1
    }

    /// Counts an operation and says how it fails, if so.
    fn step(&mut self) -> Option<io::ErrorKind> {
        self.operations += 1;
        if self.stopped {
            return Some(io::ErrorKind::NotConnected);
        }
        let (_, trick) = self.trick.filter(|(at, _)| *at == self.operations)?;
        match trick {
            Trick::Fail(kind) => Some(kind),
            Trick::Stop => {
                self.stopped = true;
                Some(io::ErrorKind::NotConnected)
            }
        }
    }

    fn file(&mut self, id: usize) -> &mut Content {
        &mut self.files[id]
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty.resize(self.dirty.len().max(end.div_ceil(SECTOR)), false);
        if !bytes.is_empty() {
            self.dirty[offset / SECTOR..end.div_ceil(SECTOR)].fill(true);
        }
    }
}

impl ModelDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.state().random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Plays a trick on the operation with this number, counted from now.
    pub(crate) fn trick(&self, after: u64, trick: Trick) {
        let mut state = self.state();
        state.trick = Some((state.operations + after, trick));
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Takes away the lock, as a kernel does with a process that has died.
    pub(crate) fn unlock(&self) {
        self.state().locked = false;
    }

    /// The power goes: names and sectors that were not synced are kept or lost, each by a coin. Then it comes back.
    pub(crate) fn lose_power(&self) {
        let mut state = self.state();
        let (seen, held) = (state.names.clone(), state.durable_names.clone());
        let mut names = held.clone();
        for (name, id) in &seen {
            if !held.contains_key(name) && state.coin() {
                names.insert(name.clone(), *id);
            }
        }
        for name in held.keys() {
            if !seen.contains_key(name) && state.coin() {
                names.remove(name);
            }
        }
        for id in 0..state.files.len() {
            let mut after = state.files[id].durable.clone();
            // The new length may have arrived without the data: then there are zeros.
            let cached = state.files[id].cached.clone();
            if cached.len() != after.len() && state.coin() {
                after.resize(cached.len(), 0);
            }
            for sector in 0..state.files[id].dirty.len() {
                if state.files[id].dirty[sector] && state.coin() {
                    let from = sector * SECTOR;
                    let to = ((sector + 1) * SECTOR).min(after.len()).min(cached.len());
                    if from < to {
                        after[from..to].copy_from_slice(&cached[from..to]);
                    }
                }
            }
            let file = state.file(id);
            (file.cached, file.durable) = (after.clone(), after);
            file.dirty = Vec::new();
        }
        state.names.clone_from(&names);
        state.durable_names = names;
        drop(state);
        self.reboot();
    }

    /// The machine runs again, whatever it had in its cache.
    pub(crate) fn reboot(&self) {
        let mut state = self.state();
        (state.stopped, state.locked, state.trick) = (false, false, None);
    }

    /// Every file as a reader sees it, in order of name.
    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state();
        state.names.iter().map(|(name, id)| (name.clone(), state.files[*id].cached.clone())).collect()
    }

    /// Deletes a file while it is open.
    pub(crate) fn unlink(&self, name: &str) {
        let mut state = self.state();
        let id = state.names.remove(name).unwrap();
        state.file(id).linked = false;
    }
}

struct ModelLock(ModelDisk);

impl Drop for ModelLock {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Storage for ModelDisk {
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.state();
        if state.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(Box::new(ModelLock(self.clone())))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        match state.step() {
            Some(kind) => Err(kind.into()),
            None => Ok(state.names.keys().cloned().collect()),
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = state.files.len();
        state.files.push(Content { linked: true, ..Content::default() });
        state.names.insert(name.to_owned(), id);
        drop(state);
        Ok(Box::new(ModelFile { disk: self.clone(), id }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        let id = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        drop(state);
        Ok(Box::new(ModelFile { disk: self.clone(), id }))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        self.open(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        let id = state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.file(id).linked = false;
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn verifier(&self) -> Verifier {
        Verifier::segments(self.contents().into_iter().map(|(name, bytes)| (name, io::Cursor::new(bytes))))
    }
}

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    id: usize,
}

impl StoredFile for ModelFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().file(self.id).cached.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        let cached = &state.file(self.id).cached;
        let from = cached.get(offset as usize..).unwrap_or_default();
        let len = from.len().min(into.len());
        into[..len].copy_from_slice(&from[..len]);
        Ok(len)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let failure = state.step();
        if state.stopped {
            // Nothing more reaches the cache, but the part before the stop may have.
            if state.trick.is_some_and(|(at, _)| at == state.operations) {
                state.file(self.id).write(offset as usize, &bytes[..bytes.len() / 2]);
            }
            return Err(io::ErrorKind::NotConnected.into());
        }
        let written = if failure.is_some() { bytes.len() / 2 } else { bytes.len() };
        state.file(self.id).write(offset as usize, &bytes[..written]);
        failure.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if let Some(kind) = state.step() {
            return Err(kind.into());
        }
        state.file(self.id).cached.truncate(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        if let Some(kind) = state.step() {
            if !state.stopped {
                // What Linux does: the error is told once, and the pages count as clean though they were never stored.
                for sector in 0..state.file(self.id).dirty.len() {
                    let stored = state.coin();
                    let file = state.file(self.id);
                    let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(file.cached.len()));
                    if file.dirty[sector] && stored && from < to {
                        if file.durable.len() < to {
                            file.durable.resize(to, 0);
                        }
                        let bytes = file.cached[from..to].to_vec();
                        file.durable[from..to].copy_from_slice(&bytes);
                    }
                }
                state.file(self.id).dirty = Vec::new();
            }
            return Err(kind.into());
        }
        let file = state.file(self.id);
        // Only dirty pages are stored: what a failed flush has called clean stays lost until it is written again.
        file.durable.resize(file.cached.len(), 0);
        for (sector, _) in file.dirty.iter().enumerate().filter(|(_, dirty)| **dirty) {
            let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(file.cached.len()));
            if from < to {
                file.durable[from..to].copy_from_slice(&file.cached[from..to]);
            }
        }
        file.dirty = Vec::new();
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        let mut state = self.disk.state();
        match state.step() {
            Some(kind) => Err(kind.into()),
            None => Ok(state.file(self.id).linked),
        }
    }
}
