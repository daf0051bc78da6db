//! What a running tee is told from outside: to stop, to read its config again, to stop or start mirroring, to hand over.

use super::hand_over::Offering;
use super::log::say;
use crate::mirror::Control;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a tee listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    mirror_off: Signal,
    mirror_on: Signal,
    reload: Signal,
}

/// Why a tee ends.
pub(super) enum Told {
    /// It is told to stop.
    Stop,
    /// Another process goes on: its incarnation.
    HandedOver(u64),
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            mirror_off: signal(SignalKind::user_defined1())?,
            mirror_on: signal(SignalKind::user_defined2())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
    /// Works the mirror's switch, and reads the config again, until the end.
    pub(super) async fn until_told(mut self, control: &Control, offering: &mut Offering) -> Told {
        loop {
            let on = tokio::select! {
                _ = self.terminate.recv() => return Told::Stop,
                _ = self.interrupt.recv() => return Told::Stop,
                _ = self.reload.recv() => {
                    // Said in the log, whoever asked for it.
                    let _ = control.reload();
                    continue;
                }
                Some(mut successor) = offering.successors.recv() => {
                    if successor.begin(control.mirroring()) {
                        return Told::HandedOver(successor.incarnation);
                    }
                    say("the process that wanted to take over is gone; this one goes on");
                    continue;
                }
                _ = self.mirror_off.recv() => false,
                _ = self.mirror_on.recv() => true,
            };
            control.set_mirroring(on);
            say(if on { "mirroring is on" } else { "mirroring is off" });
        }
    }
}
