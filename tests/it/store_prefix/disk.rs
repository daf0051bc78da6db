//! A disk as it may be found after the power went: what was recorded up to some moment, and which of it had to be there.
//!
//! What a file held when it was synced is there, and the names that a folder had when the folder was synced. Of what came
//! after, a kill leaves all; a loss of power leaves nothing, or any sectors of it (each write's sectors of 512 bytes land or
//! do not, whole writes too), and names in the order in which they changed, as far as they come.

use fastrand::Rng;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// What was recorded, in order. Files by inode, paths below the recorded folder.
#[derive(Debug)]
pub(super) enum Op {
    Create {
        inode: u64,
        path: String,
    },
    Write {
        inode: u64,
        at: usize,
        data: Range<usize>,
    },
    Truncate {
        inode: u64,
        length: usize,
    },
    Sync {
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    Folder {
        inode: u64,
        path: String,
    },
    /// What the process had been told by then.
    Mark(String),
}

/// Reads the log that `record.c` writes.
pub(super) fn read(log: &[u8]) -> Vec<Op> {
    const HEAD: usize = 5 * 8;
    let (mut ops, mut at) = (Vec::new(), 0);
    while at < log.len() {
        let word = |n: usize| u64::from_le_bytes(log[at + n * 8..][..8].try_into().expect("eight bytes")) as usize;
        let [op, inode, place, path, data] = [0, 1, 2, 3, 4].map(word);
        let text = |range: Range<usize>| String::from_utf8(log[range].to_vec()).expect("UTF-8");
        let (path, data) = (at + HEAD..at + HEAD + path, at + HEAD + path..at + HEAD + path + data);
        at = data.end;
        let inode = inode as u64;
        ops.push(match op {
            1 => Op::Create { inode, path: text(path) },
            2 => Op::Write { inode, at: place, data },
            3 => Op::Truncate { inode, length: place },
            4 => Op::Sync { inode },
            5 => Op::Rename { from: text(path), to: text(data) },
            6 => Op::Unlink { path: text(path) },
            7 => Op::Folder { inode, path: text(path) },
            8 => Op::Mark(text(data)),
            other => panic!("the log has an operation {other}"),
        });
    }
    ops
}

/// What is left of what was not synced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    /// All of it: the process was killed, and the system lives.
    All,
    /// Nothing.
    Nothing,
    /// Some of it, by this seed.
    Some(u64),
}

#[derive(Clone)]
enum Change {
    Write(usize, Range<usize>),
    Truncate(usize),
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    waiting: Vec<Change>,
}

#[derive(Clone)]
enum Naming {
    Add(String, Entry),
    Move(String, String),
    Remove(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder,
}

type Names = BTreeMap<String, Entry>;

/// The disk at one moment.
pub(super) struct Disk<'a> {
    log: &'a [u8],
    /// By number, which unlike an inode is never used again.
    files: Vec<File>,
    numbers: HashMap<u64, usize>,
    folders: HashMap<u64, String>,
    durable: Names,
    waiting: Vec<Naming>,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Naming {
    fn folder(&self) -> &str {
        let (Naming::Add(path, _) | Naming::Move(_, path) | Naming::Remove(path)) = self;
        parent(path)
    }
    fn apply(&self, names: &mut Names) {
        match self {
            Naming::Add(path, entry) => drop(names.insert(path.clone(), *entry)),
            Naming::Remove(path) => drop(names.remove(path)),
            Naming::Move(from, to) => {
                let below = format!("{from}/");
                let moved: Vec<String> =
                    names.keys().filter(|name| *name == from || name.starts_with(&below)).cloned().collect();
                for name in moved {
                    if let Some(entry) = names.remove(&name) {
                        names.insert(format!("{to}{}", &name[from.len()..]), entry);
                    }
                }
            }
        }
    }
}

fn land(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn apply(content: &mut Vec<u8>, change: &Change, log: &[u8]) {
    match change {
        Change::Write(at, data) => land(content, *at, &log[data.clone()]),
        Change::Truncate(length) => content.resize(*length, 0),
    }
}

/// Some sectors of some writes.
fn tear(content: &mut Vec<u8>, waiting: &[Change], log: &[u8], rng: &mut Rng) {
    const SECTOR: usize = 512;
    let whole = rng.f64();
    let sectors = [0.1, 0.5, 0.9, 1.0][rng.usize(..4)];
    // the length may be on the disk before what it holds
    let length = if rng.bool() { Some(waiting.len()) } else { None };
    for change in waiting.iter().take(length.unwrap_or(0)) {
        let end = match change {
            Change::Write(at, data) => content.len().max(at + data.len()),
            Change::Truncate(length) => *length,
        };
        content.resize(end, 0);
    }
    for change in waiting.iter().filter(|_| rng.f64() < whole).collect::<Vec<_>>() {
        match change {
            Change::Truncate(length) => content.resize(*length, 0),
            Change::Write(at, data) => {
                let mut from = *at;
                while from < at + data.len() {
                    let to = ((from / SECTOR + 1) * SECTOR).min(at + data.len());
                    if rng.f64() < sectors {
                        land(content, from, &log[data.start + from - at..data.start + to - at]);
                    }
                    from = to;
                }
            }
        }
    }
}

impl<'a> Disk<'a> {
    /// A folder with this inode, empty.
    pub(super) fn new(log: &'a [u8], root: u64) -> Disk<'a> {
        Disk {
            log,
            files: Vec::new(),
            numbers: HashMap::new(),
            folders: HashMap::from([(root, String::new())]),
            durable: Names::new(),
            waiting: Vec::new(),
        }
    }
    fn file(&mut self, inode: u64) -> &mut File {
        let number = self.numbers.get(&inode).expect("a file that was created before");
        &mut self.files[*number]
    }
    /// The next thing that happened.
    pub(super) fn happens(&mut self, op: &Op) {
        match op {
            Op::Create { inode, path } => {
                self.numbers.insert(*inode, self.files.len());
                self.waiting.push(Naming::Add(path.clone(), Entry::File(self.files.len())));
                self.files.push(File::default());
            }
            Op::Folder { inode, path } => {
                self.folders.insert(*inode, path.clone());
                self.waiting.push(Naming::Add(path.clone(), Entry::Folder));
            }
            Op::Write { inode, at, data } => self.file(*inode).waiting.push(Change::Write(*at, data.clone())),
            Op::Truncate { inode, length } => self.file(*inode).waiting.push(Change::Truncate(*length)),
            Op::Sync { inode } => match self.folders.get(inode).cloned() {
                Some(folder) => {
                    let (done, waiting) =
                        std::mem::take(&mut self.waiting).into_iter().partition(|naming| naming.folder() == folder);
                    self.waiting = waiting;
                    let done: Vec<Naming> = done;
                    done.iter().for_each(|naming| naming.apply(&mut self.durable));
                }
                None => {
                    let log = self.log;
                    let file = self.file(*inode);
                    let waiting = std::mem::take(&mut file.waiting);
                    waiting.iter().for_each(|change| apply(&mut file.durable, change, log));
                }
            },
            Op::Rename { from, to } => {
                for path in self.folders.values_mut() {
                    if *path == *from || path.starts_with(&format!("{from}/")) {
                        *path = format!("{to}{}", &path[from.len()..]);
                    }
                }
                self.waiting.push(Naming::Move(from.clone(), to.clone()));
            }
            Op::Unlink { path } => self.waiting.push(Naming::Remove(path.clone())),
            Op::Mark(_) => {}
        }
    }
    /// Writes what is left into an empty folder.
    pub(super) fn found(&self, left: Left, into: &Path) {
        let mut rng = Rng::with_seed(if let Left::Some(seed) = left { seed } else { 0 });
        let mut names = self.durable.clone();
        let changed = match left {
            Left::All => self.waiting.len(),
            Left::Nothing => 0,
            Left::Some(_) => rng.usize(..=self.waiting.len()),
        };
        self.waiting.iter().take(changed).for_each(|naming| naming.apply(&mut names));
        for (path, entry) in &names {
            // a folder sorts before what is in it; what is in a folder that is not there is not there
            if !parent(path).is_empty() && names.get(parent(path)) != Some(&Entry::Folder) {
                continue;
            }
            match entry {
                Entry::Folder => fs::create_dir(into.join(path)).expect("the test's own folder"),
                Entry::File(number) => {
                    let file = &self.files[*number];
                    let mut content = file.durable.clone();
                    match left {
                        Left::Nothing => {}
                        Left::All => file.waiting.iter().for_each(|change| apply(&mut content, change, self.log)),
                        Left::Some(_) => tear(&mut content, &file.waiting, self.log, &mut rng),
                    }
                    fs::write(into.join(path), content).expect("the test's own file");
                }
            }
        }
    }
}
