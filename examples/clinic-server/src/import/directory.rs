//! Locations and practitioners: what stands for itself.

use super::bundle::Importer;
use healthcare_core::{AccessError, Create, Location, Practitioner, Record};

/// The directory entries of one bundle.
#[derive(Default)]
pub(super) struct DirectoryRows {
    pub(super) locations: Vec<Location>,
    pub(super) practitioners: Vec<Practitioner>,
}

impl Importer<'_> {
    /// Stores them in one transaction.
    pub(super) async fn store_directory(&mut self, rows: DirectoryRows) -> Result<(), AccessError> {
        let DirectoryRows { locations, practitioners } = rows;
        let mut locations = locations.into_iter();
        let mut practitioners = practitioners.into_iter();
        let committed = if let Some(first) = locations.next() {
            let grant = self.app.gate.open(self.context, Create::new(first.id())).await?;
            let mut change = grant.fill_absent(first).await?;
            locations.try_for_each(|location| change.push(location))?;
            practitioners.try_for_each(|practitioner| change.push(practitioner))?;
            self.app.stores.locations.commit(change).await?
        } else if let Some(first) = practitioners.next() {
            let grant = self.app.gate.open(self.context, Create::new(first.id())).await?;
            let mut change = grant.fill_absent(first).await?;
            practitioners.try_for_each(|practitioner| change.push(practitioner))?;
            self.app.stores.practitioners.commit(change).await?
        } else {
            return Ok(());
        };
        self.report.committed(&committed);
        Ok(())
    }
}
