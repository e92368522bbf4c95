//! Who and what is invented.

use healthcare_core::ClinicId;
use uuid::{Uuid, uuid};

/// The password of every user of the demonstration. It is printed at every start: a demonstration serves one machine only.
pub const DEMO_PASSWORD: &str = "harbour hill lantern";

/// A clinic of the demonstration.
#[derive(Debug)]
pub struct DemoClinic {
    /// Its id: production refuses a database that holds it.
    pub id: ClinicId,
    /// Its name.
    pub name: &'static str,
    /// Its short name, and the domain of its users' addresses.
    pub slug: &'static str,
    /// Its zone.
    pub zone: &'static str,
    pub(super) address: &'static str,
    pub(super) practitioners: [Person; 3],
    pub(super) patients: [Person; 4],
}

/// Somebody invented.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) family: &'static str,
    pub(super) given: &'static str,
    /// A title, or a date of birth.
    pub(super) detail: &'static str,
    pub(super) gender: &'static str,
}

const fn person(
    family: &'static str,
    given: &'static str,
    detail: &'static str,
    gender: &'static str,
) -> Person {
    Person { family, given, detail, gender }
}

/// What both clinics offer: code, name, minutes.
pub(super) const SERVICES: [(&str, &str, u32); 4] = [
    ("consultation", "Consultation", 30),
    ("follow-up", "Follow-up", 15),
    ("vaccination", "Vaccination", 15),
    ("physical", "Physical examination", 60),
];

const HARBOUR: Uuid = uuid!("0196d000-0000-7000-8000-0000000000a1");
const HILL: Uuid = uuid!("0196d000-0000-7000-8000-0000000000b2");

static CLINICS: [DemoClinic; 2] = [
    DemoClinic {
        id: ClinicId::from_uuid(HARBOUR),
        name: "Harbour Clinic",
        slug: "harbour",
        zone: "America/New_York",
        address: "14 Quay Street, Boston",
        practitioners: [
            person("Okafor", "Ngozi", "Dr.", "female"),
            person("Lindqvist", "Erik", "Dr.", "male"),
            person("Moreau", "Claire", "Dr.", "female"),
        ],
        patients: [
            person("Ashdown", "Maribel", "1987-04-30", "female"),
            person("Brannigan", "Tobias", "1952-11-02", "male"),
            person("Castellanos", "Ximena", "2014-07-19", "female"),
            person("Dziedzic", "Paweł", "1969-01-23", "male"),
        ],
    },
    DemoClinic {
        id: ClinicId::from_uuid(HILL),
        name: "Hill Clinic",
        slug: "hill",
        zone: "Europe/London",
        address: "3 Beacon Lane, Bristol",
        practitioners: [
            person("Trevelyan", "Morwenna", "Dr.", "female"),
            person("Haddad", "Samir", "Dr.", "male"),
            person("Papadaki", "Eleni", "Dr.", "female"),
        ],
        patients: [
            person("Eastwood", "Corin", "1990-09-12", "male"),
            person("Farquharson", "Isla", "1944-03-05", "female"),
            person("Grünewald", "Lotte", "2001-12-28", "female"),
            person("Hollis", "Rafe", "1978-06-16", "male"),
        ],
    },
];

/// The clinics; the first is where an import goes unless another is named.
#[must_use]
pub fn demo_clinics() -> &'static [DemoClinic] {
    &CLINICS
}

/// The 16 roles, as the users' addresses spell them: `lab-technician@harbour.example` is a `LAB_TECHNICIAN`.
pub(super) const ROLES: [&str; 16] = [
    "SUPER_ADMIN",
    "SYSTEM_ADMIN",
    "CLINIC_ADMIN",
    "SUPPORT",
    "DOCTOR",
    "NURSE",
    "PHARMACIST",
    "LAB_TECHNICIAN",
    "RADIOLOGIST",
    "RECEPTIONIST",
    "MEDICAL_ASSISTANT",
    "BILLING_SPECIALIST",
    "AUDITOR",
    "COMPLIANCE_OFFICER",
    "DATA_ANALYST",
    "PATIENT",
];

/// The role of each user of a demonstration's clinic.
#[must_use]
pub const fn demo_roles() -> &'static [&'static str] {
    &ROLES
}

impl DemoClinic {
    /// The address of the user with this role.
    #[must_use]
    pub fn address_of(&self, role: &str) -> String {
        format!("{}@{}.example", role.to_ascii_lowercase().replace('_', "-"), self.slug)
    }

    /// Every user's address, in the order of the roles.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        ROLES.iter().map(|role| self.address_of(role))
    }
}
