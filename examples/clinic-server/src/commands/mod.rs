//! What the program does: one file per command.

mod audit_verify;
mod clinic_create;
mod logging;
mod migrate;
mod serve;

pub use clinic_create::{NewClinic, create_clinic};
pub use serve::{Running, start, start_as, start_with};

use crate::{
    config::{Args, AuditCommand, ClinicCommand, Command, Config, Shown, Variables},
    wiring::Process,
};
use std::{error::Error, io::stdin};

type Failure = Box<dyn Error + Send + Sync>;

/// Does what the command line asks. The answer is whether all was well.
///
/// # Errors
/// Whatever kept it from being done, in words for whoever typed it.
pub async fn run(args: Args, variables: &Variables) -> Result<bool, Failure> {
    let Args { command, mut server } = args;
    let resolved = |server| -> Result<Config, Failure> {
        let config = Config::resolve(server, variables)?;
        logging::begin(&config.log);
        Ok(config)
    };
    match command {
        Some(Command::Config) => {
            let (_, effective) = Config::explain(&server, variables)?;
            print!("{}", Shown(&effective));
            Ok(true)
        }
        Some(Command::Migrate(migrate)) => {
            server.owner_url = migrate.owner_url;
            let urls = Config::migrate_urls(&server, variables)?;
            logging::begin(&urls.log);
            migrate::run(urls).await
        }
        Some(Command::Audit(AuditCommand::Verify)) => audit_verify::run(&resolved(&server)?),
        Some(Command::Import(import)) => {
            crate::import::run(&resolved(&server)?, import.clinic.as_deref(), &import.paths).await
        }
        Some(Command::Clinic(ClinicCommand::Create(create))) => {
            clinic_create::run(&resolved(&server)?, create, stdin().lock()).await
        }
        None | Some(Command::All) => serve::run(&resolved(&server)?, Process::All).await,
        Some(Command::Serve) => serve::run(&resolved(&server)?, Process::Serve).await,
        Some(Command::Worker) => serve::run(&resolved(&server)?, Process::Worker).await,
        Some(Command::Realtime) => serve::run(&resolved(&server)?, Process::Realtime).await,
    }
}
