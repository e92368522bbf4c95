/// A key type: the struct, its [`CacheKey`](crate::CacheKey) and its [`CachedAs`](crate::CachedAs), which writes each field, so
/// that none is forgotten when one is added.
///
/// The text is its [`KIND`](crate::CachedAs::KIND): unique among all kinds, and changed when the value's form changes. The first
/// field is `clinic`. At most one field is marked `as subject`. Each field is a [`KeyPart`](crate::KeyPart).
///
/// ```
/// use healthcare_cache::{CacheKey, CachedAs, cache_key};
/// use healthcare_core::ClinicId;
/// use uuid::Uuid;
///
/// cache_key! {
///     /// A patient's bed on a day.
///     pub struct BedKey as "bed/1" {
///         pub clinic: ClinicId,
///         /// Who lies there.
///         pub patient: Uuid as subject,
///         pub day: u32,
///     }
/// }
///
/// let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7(), day: 20_778 };
/// assert_eq!(key.subject(), Some(key.patient));
/// assert_eq!(BedKey::KIND, "bed/1");
/// ```
///
/// A key is about one subject, and in one clinic:
///
/// ```compile_fail
/// # use healthcare_core::ClinicId;
/// # use uuid::Uuid;
/// healthcare_cache::cache_key! {
///     struct Wrong as "wrong" { clinic: ClinicId, patient: Uuid as subject, doctor: Uuid as subject }
/// }
/// ```
/// ```compile_fail
/// # use uuid::Uuid;
/// healthcare_cache::cache_key! {
///     struct Wrong as "wrong" { patient: Uuid as subject }
/// }
/// ```
#[macro_export]
macro_rules! cache_key {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident as $kind:literal {
            $(#[$clinic_meta:meta])*
            $clinic_vis:vis clinic: $clinic:ty
            $(, $(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty $(as $role:ident)?)*
            $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        $vis struct $name {
            $(#[$clinic_meta])*
            $clinic_vis clinic: $clinic,
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        impl $crate::CacheKey for $name {
            fn clinic(&self) -> $clinic {
                self.clinic
            }
            fn subject(&self) -> ::core::option::Option<$crate::__private::Uuid> {
                let subject: ::core::option::Option<$crate::__private::Uuid> = ::core::option::Option::None;
                $($(
                    let _: u8 = $crate::cache_key!(@ $role);
                    let subject = ::core::option::Option::Some($crate::SubjectPart::subject(&self.$field));
                )?)*
                subject
            }
        }

        impl $crate::CachedAs for $name {
            const KIND: &'static str = $kind;
            fn write(&self, out: &mut $crate::KeyWriter) {
                $($crate::KeyPart::write(&self.$field, out);)*
                let _ = out;
            }
        }

        const _: () = {
            let subjects: &[u8] = &[$($($crate::cache_key!(@ $role),)?)*];
            ::core::assert!(subjects.len() <= 1, "a key is about one subject");
        };
    };
    (@ subject) => { 1 };
}
