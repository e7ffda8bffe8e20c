//! Kill -9 in the midst of what clients do.

use crate::{
    client::{Client, Failed},
    program::Program,
};
use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

/// Works from all sides, each worker with a client of its own, until `enough` steps were acknowledged, does what is left to
/// do `last`, and kills the program in the midst of the others. `killed` is set right before.
///
/// # Panics
/// When a step is refused, or fails before the kill.
pub fn in_the_midst<W: Send>(
    program: Program,
    killed: &AtomicBool,
    workers: &mut [W],
    enough: u64,
    step: impl Fn(&mut W, &mut Client) -> Result<(), Failed> + Sync,
    last: impl FnOnce(),
) {
    let (port, acknowledged, step) = (program.port, AtomicU64::new(0), &step);
    let (sender, reached) = mpsc::channel();
    thread::scope(|scope| {
        for worker in workers {
            let (acknowledged, sender) = (&acknowledged, sender.clone());
            scope.spawn(move || {
                let mut client = Client::new(port);
                loop {
                    match step(worker, &mut client) {
                        Ok(()) if acknowledged.fetch_add(1, SeqCst) + 1 == enough => {
                            sender.send(()).expect("the round waits for this");
                        }
                        Ok(()) => {}
                        Err(Failed::Broken(_)) if killed.load(SeqCst) => return,
                        Err(error) => panic!("a step failed though nothing was killed: {error}"),
                    }
                }
            });
        }
        reached.recv().expect("the workers get there");
        last();
        killed.store(true, SeqCst);
        program.kill();
    });
}
