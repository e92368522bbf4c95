//! Patients.

use crate::{Email, Index, RecordNumber, code_enum, record};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

code_enum! {
    /// FHIR R4 `administrative-gender`.
    pub enum Gender {
        /// Male.
        Male = "male",
        /// Female.
        Female = "female",
        /// Other.
        Other = "other",
        /// Unknown.
        Unknown = "unknown",
    }
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Address {
    /// Street, number, apartment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(***)")
    }
}

record! {
    /// Somebody who is treated.
    pub struct Patient in patient = "patient" {
        subject: this,
        plain {
            /// Whether the record is in use.
            active: bool,
        },
        protected {
            /// Family name.
            Family = family: String => Index::Words(|name| Some(name.clone())),
            /// Given names, separated by spaces.
            Given = given: String => Index::Words(|name| Some(name.clone())),
            /// Date of birth.
            BirthDate = birth_date: Option<Date> => Index::Exact(|date| date.map(|date| date.to_string())),
            /// Administrative gender.
            AdministrativeGender = gender: Option<Gender>,
            /// Telephone, as it was given.
            Telephone = phone: Option<String> => Index::Exact(|phone| phone.clone()),
            /// E-mail.
            ElectronicMail = email: Option<Email> => Index::Exact(|email| email.as_ref().map(Email::canonical)),
            /// Postal address.
            PostalAddress = address: Option<Address>,
            /// The number the clinic files them under.
            Number = record_number: Option<RecordNumber> => Index::Exact(|n| n.as_ref().map(|n| n.as_str().to_owned())),
            /// Date of death.
            DeceasedOn = deceased: Option<Date>,
        },
    }
}
