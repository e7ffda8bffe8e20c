//! Names for the places in the program's source from which it syncs, found with `addr2line`.

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Frames of a stack that are shown: the call and who called it, since some go through a helper.
const FRAMES: usize = 2;

/// Call sites of one program, by address.
pub struct Sites(HashMap<u64, Vec<String>>);

impl Sites {
    /// Looks up all addresses of these stacks.
    pub fn find<'a>(program: &Path, stacks: impl Iterator<Item = &'a Vec<u64>>) -> Sites {
        let addresses: Vec<u64> = stacks.flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut child = Command::new("addr2line")
            .args(["-a", "-f", "-C", "-i", "-e"])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("addr2line comes with the C compiler");
        let mut input = child.stdin.take().expect("stdin is piped");
        let asked = addresses.clone();
        let writer = std::thread::spawn(move || {
            for address in asked {
                writeln!(input, "{address:#x}").expect("addr2line reads");
            }
        });
        let output = child.wait_with_output().expect("addr2line ends");
        writer.join().expect("writing does not panic");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut sites: HashMap<u64, Vec<String>> = HashMap::new();
        let (mut address, mut function) = (0, None);
        // After each address, a line with a function's name and one with its place, for each function inlined there.
        for line in text.lines() {
            if let Some(number) = line.strip_prefix("0x") {
                address = u64::from_str_radix(number, 16).expect("addr2line repeats the address");
            } else if let Some(function) = function.take() {
                sites.entry(address).or_default().extend(ours(line, function));
            } else {
                function = Some(line);
            }
        }
        Sites(sites)
    }

    /// The innermost frames in the database and its state engine, innermost first.
    pub fn name(&self, stack: &[u64]) -> String {
        let frames = stack.iter().filter_map(|address| self.0.get(address)).flatten();
        let frames = frames.filter(|frame| !frame.starts_with("db/env/"));
        frames.take(FRAMES).cloned().collect::<Vec<_>>().join(" < ")
    }
}

impl Sites {
    /// Whether a frame of the stack lies in this file.
    pub fn passes(&self, stack: &[u64], file: &str) -> bool {
        stack.iter().filter_map(|address| self.0.get(address)).flatten().any(|frame| frame.contains(file))
    }
}

/// `crate/file.rs:line function` for files of the workspace and of the state engine.
fn ours(line: &str, function: &str) -> Option<String> {
    let line = line.split(' ').next()?;
    let at = line.find("/crates/").map(|at| at + "/crates/".len());
    let at = at.or_else(|| line.find("/lsm-tree-").map(|at| at + 1))?;
    let mut names = function.split("::").filter(|name| !name.starts_with("{closure")).collect::<Vec<_>>();
    names.pop_if(|name| name.len() == 17 && name.starts_with('h'));
    Some(format!("{} {}", line[at..].replacen("/src/", "/", 1), names.last()?))
}
