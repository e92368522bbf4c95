//! An interrupt stops the running child, and with it everything that stands on the way out.
//!
//! Children run in process groups of their own. The handler ends the running group, the caller's wait returns, and
//! the error travels up through the owners of servers and directories, whose `Drop` puts things away.

use crate::failure::{Failure, Outcome};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    process::{Child, Command},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

#[derive(Debug)]
struct State {
    signals: u32,
    group: Option<Pid>,
}

static STATE: Mutex<State> = Mutex::new(State { signals: 0, group: None });
static ARRIVED: Condvar = Condvar::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts listening for SIGINT, SIGTERM and SIGHUP.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn install() -> Outcome<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failure::while_doing("cannot listen for signals"))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let mut state = state();
            state.signals += 1;
            ARRIVED.notify_all();
            if let Some(group) = state.group {
                let signal = if state.signals == 1 { Signal::TERM } else { Signal::KILL };
                // It may have ended a moment ago: that is what is wanted.
                let _ = kill_process_group(group, signal);
            }
        }
    });
    Ok(())
}

/// # Errors
/// [`Failure::Interrupted`] once a signal has arrived.
pub(crate) fn check() -> Outcome<()> {
    if state().signals == 0 { Ok(()) } else { Err(Failure::Interrupted) }
}

/// Waits for a signal.
pub(crate) fn wait() {
    let state = state();
    drop(ARRIVED.wait_while(state, |state| state.signals == 0).unwrap_or_else(PoisonError::into_inner));
}

/// A child in its own process group, ended by an interrupt and by being dropped.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
    id: Option<Pid>,
}

impl Group {
    /// Starts the command as the one running group.
    ///
    /// # Errors
    /// [`Failure::Interrupted`], or when the program cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> Outcome<Self> {
        use std::os::unix::process::CommandExt as _;
        // Held over the start, so that a signal comes either before it or finds the group.
        let mut state = state();
        if state.signals > 0 {
            return Err(Failure::Interrupted);
        }
        let child = command.process_group(0).spawn().map_err(Failure::while_doing(format_args!(
            "cannot start {}",
            command.get_program().to_string_lossy()
        )))?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        state.group = id;
        Ok(Self { child, id })
    }

    /// Ends the whole group at once, also what the child left behind.
    pub(crate) fn kill(&self) {
        if let Some(id) = self.id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // Without this the child stays a zombie until the command ends.
        let _ = self.child.wait();
        state().group = None;
    }
}
