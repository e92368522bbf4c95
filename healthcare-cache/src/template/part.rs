use crate::KeyWriter;
use healthcare_core::{ClinicId, Id, UserId};
use std::sync::Arc;
use uuid::Uuid;

/// What a field of a [`cache_key!`](crate::cache_key) may be. Implement it for codes of your own: two that are not equal
/// must not write the same, and nothing of a person may be in it but ids.
///
/// ```
/// use healthcare_cache::{KeyPart, KeyWriter};
///
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
/// enum Shift { Day, Night }
/// impl KeyPart for Shift {
///     fn write(&self, out: &mut KeyWriter) {
///         out.number(match self { Self::Day => 0, Self::Night => 1 });
///     }
/// }
/// ```
pub trait KeyPart {
    /// Writes it.
    fn write(&self, out: &mut KeyWriter);
}

/// What may be the subject of a [`cache_key!`](crate::cache_key): an id.
pub trait SubjectPart: KeyPart {
    /// Whose change makes the value worthless.
    fn subject(&self) -> Uuid;
}

macro_rules! parts {
    ($($type:ty: |$own:ident, $out:ident| $write:expr;)*) => {$(
        impl KeyPart for $type {
            fn write(&self, $out: &mut KeyWriter) {
                let $own = self;
                $write;
            }
        }
    )*};
}

parts! {
    Uuid: |own, out| out.id(*own);
    ClinicId: |own, out| out.id(own.as_uuid());
    UserId: |own, out| out.id(own.as_uuid());
    bool: |own, out| out.flag(*own);
    u8: |own, out| out.number(u64::from(*own));
    u16: |own, out| out.number(u64::from(*own));
    u32: |own, out| out.number(u64::from(*own));
    u64: |own, out| out.number(*own);
    i64: |own, out| out.bytes(&own.to_be_bytes());
    str: |own, out| out.text(own);
    String: |own, out| out.text(own);
}

impl<T: ?Sized> KeyPart for Id<T> {
    fn write(&self, out: &mut KeyWriter) {
        out.id(self.as_uuid());
    }
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    fn write(&self, out: &mut KeyWriter) {
        (**self).write(out);
    }
}

impl<T: KeyPart + ?Sized> KeyPart for Arc<T> {
    fn write(&self, out: &mut KeyWriter) {
        (**self).write(out);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn write(&self, out: &mut KeyWriter) {
        out.flag(self.is_some());
        if let Some(part) = self {
            part.write(out);
        }
    }
}

impl SubjectPart for Uuid {
    fn subject(&self) -> Uuid {
        *self
    }
}

impl SubjectPart for UserId {
    fn subject(&self) -> Uuid {
        self.as_uuid()
    }
}

impl<T: ?Sized> SubjectPart for Id<T> {
    fn subject(&self) -> Uuid {
        self.as_uuid()
    }
}
