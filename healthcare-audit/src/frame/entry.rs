//! One entry: a fixed header in clear, a body, and the chain value that binds both to everything before.

use super::Cursor;
use ring::digest;
use uuid::Uuid;

/// Length of an entry's header, bytes.
pub(crate) const HEADER_LEN: usize = 80;
/// Length of a chain value, bytes.
pub(crate) const HASH_LEN: usize = 32;
/// Longest body, bytes: what a parser may be made to allocate by a corrupt length.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// How an entry begins: three letters and the version of the layout.
pub(crate) const MARKER: [u8; 4] = *b"HAE\x01";
const DOMAIN: &[u8] = b"healthcare-audit entry v1\n";
const EMERGENCY: u8 = 1;

/// A chain value: SHA-256.
pub(crate) type Hash = [u8; HASH_LEN];

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A sealed audit event.
    Event,
    /// A writer took over the log; says what recovery dropped.
    Opened,
    /// Events were refused (queue full) since the entry before; says how many.
    Gap,
    /// The writer closed the log in an orderly way.
    Closed,
}

impl EntryKind {
    const fn code(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Opened => 2,
            Self::Gap => 3,
            Self::Closed => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Event),
            2 => Some(Self::Opened),
            3 => Some(Self::Gap),
            4 => Some(Self::Closed),
            _ => None,
        }
    }
}

/// An entry's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) kind: EntryKind,
    pub(crate) emergency: bool,
    /// Number of the event within its correlation.
    pub(crate) number: u32,
    pub(crate) sequence: u64,
    pub(crate) epoch: u64,
    /// Sequence of the first entry of the write this one was part of. An entry with a later batch proves that this one was durable.
    pub(crate) batch: u64,
    pub(crate) clinic: Uuid,
    pub(crate) correlation: Uuid,
    /// Wall clock of the writer, microseconds since 1970. Data, never order.
    pub(crate) written: i64,
}

/// A parsed entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) head: FrameHead,
    pub(crate) body: &'a [u8],
    pub(crate) hash: Hash,
    /// Length of the whole entry, bytes.
    pub(crate) len: usize,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// They end too soon.
    Incomplete,
    /// They do not begin like an entry, or a field holds what no writer writes.
    Malformed,
    /// The chain value does not follow from the entry before, the header and the body.
    Hash,
    /// The chain value is right and the place is wrong: no torn write looks like this.
    Order,
}

pub(crate) fn finish(context: digest::Context) -> Hash {
    let digest = context.finish();
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn chain(previous: &Hash, header: &[u8], body: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(DOMAIN);
    context.update(previous);
    context.update(header);
    context.update(body);
    finish(context)
}

/// Appends an entry to `out` and gives its chain value. The caller has checked the body against [`MAX_BODY`].
pub(crate) fn encode(out: &mut Vec<u8>, head: &FrameHead, body: &[u8], previous: &Hash) -> Hash {
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend_from_slice(&MARKER);
    header.push(head.kind.code());
    header.push(if head.emergency { EMERGENCY } else { 0 });
    header.extend_from_slice(&[0; 2]);
    header.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    header.extend_from_slice(&head.number.to_be_bytes());
    header.extend_from_slice(&head.sequence.to_be_bytes());
    header.extend_from_slice(&head.epoch.to_be_bytes());
    header.extend_from_slice(&head.batch.to_be_bytes());
    header.extend_from_slice(head.clinic.as_bytes());
    header.extend_from_slice(head.correlation.as_bytes());
    header.extend_from_slice(&head.written.to_be_bytes());
    let hash = chain(previous, &header, body);
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
    out.extend_from_slice(&hash);
    hash
}

/// Reads one entry's layout from the front of `bytes`, without judging its chain value.
pub(crate) fn parse(bytes: &[u8]) -> Result<Frame<'_>, Flaw> {
    let mut at = Cursor(bytes);
    let marker = at.array::<4>().ok_or(Flaw::Incomplete)?;
    if marker != MARKER {
        return Err(Flaw::Malformed);
    }
    let (head, len) = fields(&mut at).ok_or(Flaw::Incomplete)?;
    let head = head.ok_or(Flaw::Malformed)?;
    if len > MAX_BODY {
        return Err(Flaw::Malformed);
    }
    let body = at.slice(len).ok_or(Flaw::Incomplete)?;
    let hash = at.array().ok_or(Flaw::Incomplete)?;
    Ok(Frame { head, body, hash, len: HEADER_LEN + len + HASH_LEN })
}

/// Outer `None`: too short. Inner `None`: a value no writer writes.
fn fields(at: &mut Cursor<'_>) -> Option<(Option<FrameHead>, usize)> {
    let (kind, flags, zero) = (EntryKind::from_code(at.u8()?), at.u8()?, at.array::<2>()?);
    let len = usize::try_from(at.u32()?).unwrap_or(usize::MAX);
    let head = FrameHead {
        kind: EntryKind::Event,
        emergency: flags == EMERGENCY,
        number: at.u32()?,
        sequence: at.u64()?,
        epoch: at.u64()?,
        batch: at.u64()?,
        clinic: Uuid::from_bytes(at.array()?),
        correlation: Uuid::from_bytes(at.array()?),
        written: at.i64()?,
    };
    let good = flags <= EMERGENCY && zero == [0, 0];
    Some((kind.filter(|_| good).map(|kind| FrameHead { kind, ..head }), len))
}

/// Reads the entry that must stand here: chained to `previous`, with this sequence and at least this epoch.
pub(crate) fn walk<'a>(
    bytes: &'a [u8],
    previous: &Hash,
    sequence: u64,
    epoch: u64,
) -> Result<Frame<'a>, Flaw> {
    let frame = parse(bytes)?;
    if !chained(bytes, &frame, previous) {
        return Err(Flaw::Hash);
    }
    let head = &frame.head;
    if head.sequence != sequence || head.epoch < epoch || head.batch > sequence {
        return Err(Flaw::Order);
    }
    Ok(frame)
}

/// Whether an entry follows from the 32 bytes given as the chain value before it. Those stand in the file directly before the
/// entry, so that an entry can be recognised on its own anywhere in a segment.
pub(crate) fn self_consistent<'a>(before: &Hash, bytes: &'a [u8]) -> Option<Frame<'a>> {
    let frame = parse(bytes).ok()?;
    chained(bytes, &frame, before).then_some(frame)
}

fn chained(bytes: &[u8], frame: &Frame<'_>, previous: &Hash) -> bool {
    chain_value(bytes, frame, previous) == frame.hash
}

/// The chain value that the entry at the front of `bytes` should have after `previous`.
pub(crate) fn chain_value(bytes: &[u8], frame: &Frame<'_>, previous: &Hash) -> Hash {
    chain(previous, Cursor(bytes).slice(HEADER_LEN).unwrap_or_default(), frame.body)
}

fn log_entry(kind: EntryKind) -> FrameHead {
    FrameHead {
        kind,
        emergency: false,
        number: 0,
        sequence: 0,
        epoch: 0,
        batch: 0,
        clinic: Uuid::nil(),
        correlation: Uuid::nil(),
        written: 0,
    }
}

/// The entry that opens an epoch: how many bytes of unfinished writing were dropped, and their SHA-256.
pub(crate) fn opened(dropped: &[u8]) -> (FrameHead, Vec<u8>) {
    let mut body = Vec::with_capacity(40);
    body.extend_from_slice(&u64::try_from(dropped.len()).unwrap_or(u64::MAX).to_be_bytes());
    if dropped.is_empty() {
        body.extend_from_slice(&[0; HASH_LEN]);
    } else {
        body.extend_from_slice(digest::digest(&digest::SHA256, dropped).as_ref());
    }
    (log_entry(EntryKind::Opened), body)
}

/// The entry that says how many events were refused since the one before.
pub(crate) fn gap(refused: u64) -> (FrameHead, Vec<u8>) {
    (log_entry(EntryKind::Gap), refused.to_be_bytes().to_vec())
}

/// The last entry of an orderly epoch.
pub(crate) fn closed() -> (FrameHead, Vec<u8>) {
    (log_entry(EntryKind::Closed), Vec::new())
}
