//! Starting and ending processes. A function's process leads a group of its own, so that all it starts ends with it, and
//! dies with us, however we die.

use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    fs, io,
    os::fd::OwnedFd,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};
use tokio::{
    process::Child,
    runtime::Handle,
    sync::{oneshot, watch},
};

/// A process to start, where both its outputs go, and who waits for it.
type Order = (Command, OwnedFd, oneshot::Sender<io::Result<Group>>);

/// Starts that may wait for one another.
const ORDERS_MAX: usize = 1024;

/// Starts processes from one thread that lives as long as we do: the kernel ends them when the thread that started them
/// ends, not the process.
pub(crate) struct Spawner(mpsc::SyncSender<Order>);

impl Spawner {
    /// Ends the groups that an earlier life left, and starts the thread. Call it inside a runtime.
    pub fn start(dir: &Path) -> io::Result<Spawner> {
        let groups = dir.join("groups");
        fs::create_dir_all(&groups)?;
        end_leftovers(&groups)?;
        let (orders, waiting) = mpsc::sync_channel::<Order>(ORDERS_MAX);
        let runtime = Handle::current();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _inside = runtime.enter();
            for (command, output, reply) in waiting {
                // Who gave up waiting drops the group, which ends it.
                let _ = reply.send(spawn(command, output).and_then(|child| Group::of(child, &groups)));
            }
        })?;
        Ok(Spawner(orders))
    }

    pub async fn spawn(&self, command: Command, output: OwnedFd) -> io::Result<Group> {
        let gone = || io::Error::other("the thread that starts processes is busy or ended");
        let (reply, started) = oneshot::channel();
        self.0.try_send((command, output, reply)).map_err(|_| gone())?;
        started.await.map_err(|_| gone())?
    }
}

/// A process and all that it started. Ends with this value.
pub(crate) struct Group {
    id: u32,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Group {
    /// Notes the group for a later life, and waits for its process in the background.
    fn of(mut child: Child, groups: &Path) -> io::Result<Group> {
        let id = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
        let note = groups.join(format!("{id}-{}", start_time(id).unwrap_or_default()));
        let (ended, exited) = watch::channel(None);
        let group = Group { id, exited };
        fs::write(&note, [])?;
        tokio::spawn(async move {
            let status = child.wait().await.unwrap_or_default();
            // What it left running has nobody to work for.
            end_group(id);
            let _ = fs::remove_file(&note);
            ended.send_replace(Some(status));
        });
        Ok(group)
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn has_ended(&self) -> bool {
        self.exited.borrow().is_some()
    }

    /// How the process ends, once it does.
    pub async fn exit(&self) -> ExitStatus {
        let mut exited = self.exited.clone();
        match exited.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            // The runtime is going away.
            Err(_) => ExitStatus::default(),
        }
    }

    /// Ends all of it, now.
    pub fn end(&self) {
        if !self.has_ended() {
            end_group(self.id);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

fn end_group(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // Gone already: what we want.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[expect(unsafe_code, reason = "the only way to have the kernel end a child whose parent was killed")]
fn spawn(mut command: Command, output: OwnedFd) -> io::Result<Child> {
    let second = output.try_clone()?;
    command.stdin(Stdio::null()).stdout(output).stderr(second).process_group(0);
    // SAFETY: between fork and exec only one system call is made, which neither allocates nor locks.
    unsafe {
        command
            .pre_exec(|| rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from));
    }
    tokio::process::Command::from(command).spawn()
}

/// When a process started, in the kernel's ticks: with its number, which is used again, it names the process.
fn start_time(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it is in brackets and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Ends groups whose leader is gone or still is the process that was noted. A number that was given to another process
/// is left alone.
fn end_leftovers(groups: &Path) -> io::Result<()> {
    for entry in fs::read_dir(groups)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let parts: Option<(u32, u64)> =
            name.split_once('-').and_then(|(id, start)| Some((id.parse().ok()?, start.parse().ok()?)));
        if let Some((id, start)) = parts
            && start_time(id).is_none_or(|now| now == start)
        {
            end_group(id);
        }
        fs::remove_file(path)?;
    }
    Ok(())
}
