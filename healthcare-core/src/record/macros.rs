/// Declares a record: its kind, whose it is, plain columns and protected fields.
///
/// `subject` is `this` (the record is the person), `none`, or another record's type (the record is about that person).
/// Each protected field may be followed by an [`Index`](crate::Index) to search it by.
///
/// ```
/// use healthcare_core::{Id, Phi, Record, record};
///
/// record! {
///     /// Somebody a tailor works for.
///     pub struct Customer in customer = "customer" {
///         subject: this,
///         plain {
///             /// Whether they still order.
///             active: bool,
///         },
///         protected {
///             /// Their name.
///             Name = name: String,
///             /// Chest in millimetres.
///             Chest = chest: Option<u32>,
///         },
///     }
/// }
///
/// fn main() {
///     let clinic = healthcare_core::ClinicId::random();
///     let customer = Customer::new(
///         Id::random(),
///         clinic,
///         customer::Plain { active: true },
///         customer::Protected { name: Phi::new("Ada".into()), chest: Phi::new(None) },
///     );
///     assert!(customer.active);
///     assert_eq!(Customer::FIELDS, ["name", "chest"]);
/// }
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[$doc:meta])*
        pub struct $Record:ident in $module:ident = $kind:literal {
            subject: $subject:ident,
            plain { $($(#[$pdoc:meta])* $plain:ident : $plain_type:ty),* $(,)? },
            protected { $($(#[$fdoc:meta])* $Field:ident = $field:ident : $field_type:ty $(=> $index:expr)?),* $(,)? } $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $Record {
            header: $crate::Header<$Record>,
            plain: $module::Plain,
            protected: $module::Protected,
        }

        $crate::record!(@new $subject $Record $module);

        impl ::std::ops::Deref for $Record {
            type Target = $module::Plain;
            fn deref(&self) -> &$module::Plain {
                &self.plain
            }
        }

        impl $crate::Record for $Record {
            const KIND: &'static str = $kind;
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
            const SUBJECT_IS_SELF: bool = $crate::record!(@is_self $subject);
            const COLUMNS: &'static [$crate::PlainColumn] = &[$($crate::PlainColumn {
                name: stringify!($plain),
                kind: <$plain_type as $crate::Column>::KIND,
            }),*];
            type Plain = $module::Plain;
            type Protected = $module::Protected;

            fn header(&self) -> &$crate::Header<Self> {
                &self.header
            }
            fn columns(&self) -> ::std::vec::Vec<$crate::Value> {
                ::std::vec![$($crate::Column::to_value(&self.plain.$plain)),*]
            }
            fn protected(&self, _: &$crate::__private::Kernel) -> &$module::Protected {
                &self.protected
            }
            fn parts_mut(&mut self, _: &$crate::__private::Kernel) -> (&mut $module::Plain, &mut $module::Protected) {
                (&mut self.plain, &mut self.protected)
            }
            fn set_version(&mut self, _: &$crate::__private::Kernel, version: i64) {
                self.header = $crate::Header::stored(
                    $crate::Record::id(self), $crate::Record::clinic(self), $crate::Record::subject(self), version,
                );
            }
            #[allow(unused_variables)]
            fn write_phi(&self, writer: &mut $crate::__private::PhiWriter) {
                $(writer.field(stringify!($field), &self.protected.$field);)*
            }
            #[allow(unused_mut, unused_variables)]
            fn terms(&self, kernel: &$crate::__private::Kernel) -> ::std::vec::Vec<$crate::Term> {
                let mut terms = ::std::vec::Vec::new();
                $($crate::__private::terms::<$module::$Field>(&self.protected, kernel, stringify!($field), &mut terms);)*
                terms
            }
            #[allow(unused_variables)]
            fn assemble(
                header: $crate::Header<Self>,
                columns: &mut dyn ::std::iter::Iterator<Item = $crate::Value>,
                phi: &mut $crate::__private::PhiReader,
            ) -> ::std::result::Result<Self, $crate::UnreadableRecord> {
                Ok(Self {
                    header,
                    plain: $module::Plain {
                        $($plain: $crate::Column::from_value(columns.next().ok_or($crate::UnreadableRecord)?)?),*
                    },
                    protected: $module::Protected { $($field: phi.field(stringify!($field))?),* },
                })
            }
        }

        #[doc = concat!("Columns and protected fields of [`", stringify!($Record), "`].")]
        pub mod $module {
            #[allow(unused_imports)]
            use super::*;

            #[doc = concat!("The plain columns of [`", stringify!($Record), "`]: the database sees them in clear.")]
            #[derive(Clone, Debug)]
            pub struct Plain { $($(#[$pdoc])* pub $plain: $plain_type),* }

            #[doc = concat!("The protected fields of [`", stringify!($Record), "`].")]
            #[derive(Clone, Debug)]
            pub struct Protected { $($(#[$fdoc])* pub $field: $crate::Phi<$Field>),* }

            #[allow(dead_code)]
            #[repr(u32)]
            enum Bit { $($Field,)* End }
            const _: () = assert!(
                <$Record as $crate::Record>::FIELDS.len() <= 64,
                "a record has at most 64 protected fields"
            );

            $(
                $(#[$fdoc])*
                #[derive(Clone, Copy, Debug)]
                pub struct $Field;
                impl $crate::Field for $Field {
                    type Record = $Record;
                    type Value = $field_type;
                    const BIT: u32 = Bit::$Field as u32;
                    const NAME: &'static str = concat!($kind, ".", stringify!($field));
                    const INDEX: $crate::Index<$field_type> = $crate::record!(@index $($index)?);
                    fn of(protected: &Protected) -> &$crate::Phi<Self> {
                        &protected.$field
                    }
                    fn of_mut(protected: &mut Protected) -> &mut $crate::Phi<Self> {
                        &mut protected.$field
                    }
                }
            )*
        }
    };
    (@is_self this) => { true };
    (@is_self $subject:ident) => { false };
    (@index) => { $crate::Index::None };
    (@index $index:expr) => { $index };
    (@new this $Record:ident $module:ident) => {
        impl $Record {
            /// A record that was never stored; it is its own subject.
            #[must_use]
            pub fn new(
                id: $crate::Id<Self>, clinic: $crate::ClinicId, plain: $module::Plain, protected: $module::Protected,
            ) -> Self {
                Self { header: $crate::Header::new(id, clinic, Some(id.as_uuid())), plain, protected }
            }
        }
    };
    (@new none $Record:ident $module:ident) => {
        impl $Record {
            /// A record that was never stored; it speaks of no person.
            #[must_use]
            pub fn new(
                id: $crate::Id<Self>, clinic: $crate::ClinicId, plain: $module::Plain, protected: $module::Protected,
            ) -> Self {
                Self { header: $crate::Header::new(id, clinic, None), plain, protected }
            }
        }
    };
    (@new $Subject:ident $Record:ident $module:ident) => {
        impl $Record {
            /// A record that was never stored, about `subject`.
            #[must_use]
            pub fn new(
                id: $crate::Id<Self>, clinic: $crate::ClinicId, subject: $crate::Id<$Subject>,
                plain: $module::Plain, protected: $module::Protected,
            ) -> Self {
                Self { header: $crate::Header::new(id, clinic, Some(subject.as_uuid())), plain, protected }
            }
        }
    };
}
