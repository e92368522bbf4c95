//! Records and their protected fields.

mod field;
mod index;
mod macros;
mod phi;

pub use field::{Field, FieldSet, Hidden, UnknownField};
pub use index::{Index, Term};
pub use phi::{Phi, PhiReader, PhiWriter, UnreadableRecord};

use crate::{ClinicId, ColumnMismatch, Id, Value, ValueKind};
use std::{fmt, ops::Deref};
use uuid::Uuid;

/// Proof of being the kernel. Nobody else can make one, so nobody else can call what asks for it.
#[derive(Debug)]
pub struct Kernel(pub(crate) ());

/// What every record begins with.
pub struct Header<T: ?Sized> {
    id: Id<T>,
    clinic: ClinicId,
    subject: Option<Uuid>,
    version: i64,
}

impl<T: ?Sized> Header<T> {
    /// The header of a record that was never stored: version 0.
    #[must_use]
    pub const fn new(id: Id<T>, clinic: ClinicId, subject: Option<Uuid>) -> Self {
        Self { id, clinic, subject, version: 0 }
    }

    /// The header of a stored record.
    #[must_use]
    pub const fn stored(id: Id<T>, clinic: ClinicId, subject: Option<Uuid>, version: i64) -> Self {
        Self { id, clinic, subject, version }
    }
}
impl<T: ?Sized> Clone for Header<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: ?Sized> Copy for Header<T> {}
impl<T: ?Sized> fmt::Debug for Header<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.id, self.version)
    }
}

/// One plain column of a record's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainColumn {
    /// The column's name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ValueKind,
}

/// A kind of thing that is stored, released and audited. Written with [`record!`](crate::record!).
///
/// A record is a header (id, clinic, subject, version), plain columns that the database sees in clear, and protected fields that
/// exist outside the process only as ciphertext. A record dereferences to its plain columns; its protected fields are reached
/// through [`Released::reveal`](crate::Released::reveal) alone.
pub trait Record: Clone + fmt::Debug + Send + Sync + Sized + Deref<Target = Self::Plain> + 'static {
    /// The name of the kind, as policies, audit records and tables write it.
    const KIND: &'static str;
    /// The protected fields, in order of their bits.
    const FIELDS: &'static [&'static str];
    /// Whether the record is the person it speaks of.
    const SUBJECT_IS_SELF: bool;
    /// The plain columns, in the order of [`Record::columns`].
    const COLUMNS: &'static [PlainColumn];
    /// The plain columns as a struct.
    type Plain: Clone + fmt::Debug + Send + Sync;
    /// The protected fields as a struct.
    type Protected: Clone + fmt::Debug + Send + Sync;

    /// The header.
    fn header(&self) -> &Header<Self>;

    /// The record's id.
    fn id(&self) -> Id<Self> {
        self.header().id
    }
    /// The clinic it belongs to.
    fn clinic(&self) -> ClinicId {
        self.header().clinic
    }
    /// Whose record it is: the person the data speaks of, when there is one.
    fn subject(&self) -> Option<Uuid> {
        self.header().subject
    }
    /// How often it was written: 1 after creation, 0 before.
    fn version(&self) -> i64 {
        self.header().version
    }

    /// The plain columns' values, in the order of [`Record::COLUMNS`].
    fn columns(&self) -> Vec<Value>;

    /// A plain column that holds an id, by name; `id` and `subject_id` are among them. Row filters ask for these.
    fn fact(&self, name: &str) -> Option<Uuid> {
        match name {
            "id" => Some(self.id().as_uuid()),
            "subject_id" => self.subject(),
            _ => {
                let at = Self::COLUMNS.iter().position(|column| column.name == name)?;
                match self.columns().into_iter().nth(at) {
                    Some(Value::Uuid(id)) => Some(id),
                    _ => None,
                }
            }
        }
    }

    #[doc(hidden)]
    fn protected(&self, kernel: &Kernel) -> &Self::Protected;
    #[doc(hidden)]
    fn parts_mut(&mut self, kernel: &Kernel) -> (&mut Self::Plain, &mut Self::Protected);
    #[doc(hidden)]
    fn set_version(&mut self, kernel: &Kernel, version: i64);
    #[doc(hidden)]
    fn write_phi(&self, writer: &mut PhiWriter);
    #[doc(hidden)]
    fn terms(&self, kernel: &Kernel) -> Vec<Term>;
    #[doc(hidden)]
    fn assemble(
        header: Header<Self>,
        columns: &mut dyn Iterator<Item = Value>,
        phi: &mut PhiReader,
    ) -> Result<Self, UnreadableRecord>;
}

impl From<ColumnMismatch> for UnreadableRecord {
    fn from(_: ColumnMismatch) -> Self {
        Self
    }
}

/// Whether `name` is a fact of `T`: an id column, or one of the two in every header.
#[must_use]
pub fn has_fact<T: Record>(name: &str) -> bool {
    matches!(name, "id" | "subject_id")
        || T::COLUMNS.iter().any(|column| column.name == name && column.kind == ValueKind::Uuid)
}
