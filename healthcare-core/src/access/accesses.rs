//! Accesses: one value says what is done with which record.

use crate::{Action, Ask, Id, Record};
use std::{borrow::Cow, marker::PhantomData};
use uuid::Uuid;

mod sealed {
    pub trait Known {}
}

/// What is asked of the gate: an action, a kind of record, and a target where there is one. The set is closed.
pub trait Access: sealed::Known + Send + Sync + 'static {
    /// The record.
    type Record: Record;
    /// The action.
    const ACTION: Action;
    /// The record's id, when one is named.
    fn target(&self) -> Option<Uuid>;
    /// Whose data it is, when that is known before reading.
    fn subject(&self) -> Option<Uuid>;
    /// What the policy is asked and the log is told.
    fn ask(&self) -> Ask {
        Ask {
            action: Self::ACTION,
            kind: Cow::Borrowed(Self::Record::KIND),
            target: self.target(),
            subject: self.subject(),
        }
    }
}

macro_rules! targeted {
    ($($(#[$doc:meta])* $name:ident = $action:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<T: Record> {
            target: Id<T>,
            subject: Option<Uuid>,
        }

        impl<T: Record> $name<T> {
            /// The record with this id.
            #[must_use]
            pub fn new(target: Id<T>) -> Self {
                Self { target, subject: T::SUBJECT_IS_SELF.then(|| target.as_uuid()) }
            }

            /// The record with this id, which is about this person: a policy that asks for a relation can then decide before
            /// the row is read. The release checks that it was true.
            #[must_use]
            pub const fn about(target: Id<T>, subject: Uuid) -> Self {
                Self { target, subject: Some(subject) }
            }

            /// The record's id.
            #[must_use]
            pub const fn id(&self) -> Id<T> {
                self.target
            }
        }
        impl<T: Record> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T: Record> Copy for $name<T> {}
        impl<T: Record> sealed::Known for $name<T> {}
        impl<T: Record> Access for $name<T> {
            type Record = T;
            const ACTION: Action = Action::$action;
            fn target(&self) -> Option<Uuid> {
                Some(self.target.as_uuid())
            }
            fn subject(&self) -> Option<Uuid> {
                self.subject
            }
        }
    )*};
}

targeted! {
    /// Read one record.
    Read = Read;
    /// Write one record's next version.
    Update = Update;
    /// Make one record. Its id is chosen by the caller, so that the decision's record can name it.
    Create = Create;
    /// End one record.
    Delete = Delete;
}

/// Read everything about one person: `T` is the person's record, the rows are the records about them.
#[derive(Debug)]
pub struct ReadChart<T: Record>(Id<T>);

impl<T: Record> ReadChart<T> {
    /// The chart of this person.
    #[must_use]
    pub const fn of(subject: Id<T>) -> Self {
        Self(subject)
    }
    /// The person.
    #[must_use]
    pub const fn id(&self) -> Id<T> {
        self.0
    }
}
impl<T: Record> sealed::Known for ReadChart<T> {}
impl<T: Record> Access for ReadChart<T> {
    type Record = T;
    const ACTION: Action = Action::ReadChart;
    fn target(&self) -> Option<Uuid> {
        Some(self.0.as_uuid())
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.0.as_uuid())
    }
}

macro_rules! untargeted {
    ($($(#[$doc:meta])* $name:ident = $action:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<T: Record> {
            subject: Option<Uuid>,
            record: PhantomData<fn() -> T>,
        }

        impl<T: Record> $name<T> {
            /// Those of the clinic, as far as the policy's filter goes.
            #[must_use]
            pub const fn all() -> Self {
                Self { subject: None, record: PhantomData }
            }
            /// Those about one person.
            #[must_use]
            pub const fn about(subject: Uuid) -> Self {
                Self { subject: Some(subject), record: PhantomData }
            }
        }
        impl<T: Record> sealed::Known for $name<T> {}
        impl<T: Record> Access for $name<T> {
            type Record = T;
            const ACTION: Action = Action::$action;
            fn target(&self) -> Option<Uuid> {
                None
            }
            fn subject(&self) -> Option<Uuid> {
                self.subject
            }
        }
    )*};
}

untargeted! {
    /// Read records page by page.
    List = List;
    /// Read the records that match something of their protected fields.
    Search = Search;
}
