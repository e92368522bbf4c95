//! What the program does: one file per command.

mod audit_verify;
mod migrate;
mod serve;

pub use serve::{Running, start};

use crate::config::{Args, AuditCommand, Command, Config, Variables};
use std::error::Error;

type Failure = Box<dyn Error + Send + Sync>;

/// Does what the command line asks. The answer is whether all was well.
///
/// # Errors
/// Whatever kept it from being done, in words for whoever typed it.
pub async fn run(args: Args) -> Result<bool, Failure> {
    let variables = Variables::of_process();
    match args.command {
        Some(Command::Migrate(migrate)) => {
            migrate::run(&args.server, migrate.owner_url.as_deref(), &variables).await
        }
        Some(Command::Audit(AuditCommand::Verify)) => {
            audit_verify::run(&Config::resolve(&args.server, &variables)?)
        }
        Some(Command::Import(import)) => {
            crate::import::run(
                &Config::resolve(&args.server, &variables)?,
                import.clinic.as_deref(),
                &import.paths,
            )
            .await
        }
        None | Some(Command::Serve) => serve::run(&Config::resolve(&args.server, &variables)?).await,
    }
}
