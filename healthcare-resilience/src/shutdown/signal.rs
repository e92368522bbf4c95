use super::Shutdown;
use std::io;
use tokio::task::JoinHandle;

/// What a second signal does while the shutdown is still draining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecondSignal {
    /// Ends the process at once with status 128 plus the number of the signal. Works even when a task blocks
    /// the runtime's other threads.
    Exit,
    /// Cuts off every stage and leaves the rest to the program.
    CutOff,
}

impl Shutdown {
    /// Lets Ctrl-C (and SIGTERM on Unix) begin this shutdown, and a second one end it.
    ///
    /// The handlers are installed when this returns, for the rest of the process: from then on Ctrl-C alone no
    /// longer kills it, so see that [`drain`](Self::drain) is awaited. Call it once, inside a tokio runtime
    /// with I/O enabled.
    ///
    /// # Errors
    /// What the operating system said when it refused a handler.
    pub fn listen(&self, second: SecondSignal) -> io::Result<JoinHandle<()>> {
        let mut signals = Signals::new()?;
        let shutdown = self.clone();
        Ok(tokio::spawn(async move {
            let first = signals.next().await;
            tracing::info!(signal = first.0, "shutting down; a second signal ends it at once");
            shutdown.begin();
            let Number(number) = signals.next().await;
            tracing::warn!(signal = number, "second signal: cutting off");
            shutdown.cut_off();
            if second == SecondSignal::Exit {
                std::process::exit(128 + number);
            }
        }))
    }
}

/// The number of a signal.
struct Number(i32);

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Number {
        tokio::select! {
            _ = self.interrupt.recv() => Number(2),
            _ = self.terminate.recv() => Number(15),
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Number {
        let _ = self.0.recv().await;
        Number(2)
    }
}
