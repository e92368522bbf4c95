//! The test binaries, built once for all crates.

use crate::{
    failure::{Failure, Outcome},
    process, workspace,
};
use cargo_metadata::{Artifact, Message, Metadata, PackageId};
use std::{
    io::Cursor,
    path::PathBuf,
    process::{Command, Stdio},
};

/// One program of tests.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) package: String,
    /// What it tests, as in `tests/gate.rs`.
    pub(crate) target: String,
    pub(crate) executable: PathBuf,
    /// Where `cargo test` would run it: the crate's own folder.
    pub(crate) directory: PathBuf,
    /// What `cargo test` would set for it.
    pub(crate) environment: Vec<(String, String)>,
}

/// Builds the tests of the selected crates and finds their programs.
///
/// # Errors
/// When they do not compile; the compiler's messages are on the terminal.
pub(crate) fn build(selection: &[String]) -> Outcome<Vec<Binary>> {
    let mut command = process::cargo();
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(selection);
    command.current_dir(workspace::root());
    let text = to_string(&mut command)?;
    let metadata = workspace::metadata()?;
    let mut binaries = Vec::new();
    for message in Message::parse_stream(Cursor::new(text)) {
        let message = message.map_err(Failure::while_doing("cargo's messages"))?;
        if let Message::CompilerArtifact(artifact) = message
            && artifact.profile.test
        {
            binaries.extend(binary(&metadata, &artifact));
        }
    }
    let order =
        |id: &str| metadata.workspace_packages().iter().position(|package| package.name.as_str() == id);
    binaries.sort_by_key(|binary| (order(&binary.package), binary.target.clone()));
    Ok(binaries)
}

/// Compiler messages go to the terminal as they come; only the JSON is read.
fn to_string(command: &mut Command) -> Outcome<String> {
    let mut text = String::new();
    let hour = std::time::Duration::from_secs(3600);
    match process::stream(command.stderr(Stdio::inherit()), hour, |line| {
        text.push_str(line);
        text.push('\n');
    })? {
        process::End::Exit(status) if status.success() => Ok(text),
        _ => Err(Failure::new("the tests do not compile")),
    }
}

fn binary(metadata: &Metadata, artifact: &Artifact) -> Option<Binary> {
    let executable = artifact.executable.clone()?.into_std_path_buf();
    let package = find(metadata, &artifact.package_id)?;
    let directory = package.manifest_path.parent()?;
    let source = artifact.target.src_path.strip_prefix(directory).unwrap_or(&artifact.target.src_path);
    let environment = vec![
        ("CARGO".to_owned(), process::cargo().get_program().to_string_lossy().into_owned()),
        ("CARGO_MANIFEST_DIR".to_owned(), directory.to_string()),
        ("CARGO_MANIFEST_PATH".to_owned(), package.manifest_path.to_string()),
        ("CARGO_PKG_NAME".to_owned(), package.name.to_string()),
        ("CARGO_PKG_VERSION".to_owned(), package.version.to_string()),
    ];
    Some(Binary {
        package: package.name.to_string(),
        target: format!("{}/{source}", package.name),
        executable,
        directory: directory.as_std_path().to_owned(),
        environment,
    })
}

fn find<'a>(metadata: &'a Metadata, id: &PackageId) -> Option<&'a cargo_metadata::Package> {
    metadata.packages.iter().find(|package| &package.id == id)
}
