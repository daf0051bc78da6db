//! Reading lines into a store: a new one, which then is what the exported one was, or one that is there, to which it adds.
//!
//! **Nothing changes before the last line is read**: what comes goes into a new generation, which is put in use at the end.
//! The same lines a second time change nothing; a later export of the same store is refused, since what it has beyond the
//! earlier one cannot be told.

use super::applying::commit;
use super::disk::{Disk, OPERATIONS, Usage};
use super::keys;
use super::lines::{Account, End, Header, Kind, Life, Line, Origin, VERSION};
use super::making::Making;
use super::record::{self, Meta, StoredCell, StoredCoverage, StoredPairs};
use super::signature::{Entry, add, keep, new_record};
use super::state::{Bounds, Change, State, marks_of};
use super::{StoreError, gap, generation, handle, offline, open, portable};
use crate::evidence::{EvidenceBatch, Exemplar, Ownership, SignatureDelta, Source};
use crate::judge::SignatureId;
use std::fs;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

/// Bytes of one line.
const LONGEST: u64 = 64 << 20;
const CACHE: u64 = 8 << 20;

/// Why an import did not happen; the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line cannot be taken.
    #[error("line {line}: {message}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The store cannot.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The store has all of it now; so many lines.
    Added(u64),
    /// It had it already.
    AlreadyThere,
}

/// The lines, and where in them we are.
struct Lines<R> {
    from: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    fn wrong(&self, message: impl Into<String>) -> ImportError {
        ImportError::Line { line: self.line, message: message.into() }
    }
    fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ImportError> {
        self.line += 1;
        let mut text = Vec::new();
        let read = self.from.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        read.map_err(|error| self.wrong(format!("it cannot be read: {error}")))?;
        if text.is_empty() {
            return Err(self.wrong("the export ends here, without its last line: it was cut short"));
        }
        if text.len() as u64 == LONGEST {
            return Err(self.wrong(format!("it is longer than {LONGEST} bytes: this is no export")));
        }
        let value = serde_json::from_slice(&text).map_err(|error| self.wrong(format!("this is not JSON: {error}")))?;
        portable::read(value)
            .map_err(|error| self.wrong(format!("this is no line of an export, or one of another version: {error}")))
    }
}

/// Imports into the store of this directory, or into a new one.
pub fn import(dir: &Path, from: impl BufRead) -> Result<Imported, ImportError> {
    let mut lines = Lines { from, line: 0 };
    let header: Header = lines.next()?;
    if header.paritee_store > VERSION {
        let message = format!("the export has version {}, this one reads up to {VERSION}", header.paritee_store);
        return Err(lines.wrong(format!("{message}: use a newer paritee")));
    }
    if open::holds_a_store(dir) {
        return into_there(dir, &header, &mut lines);
    }
    let was_there = dir.exists();
    open::prepare(dir)?;
    let place = generation::next(dir).map_err(|source| StoreError::Io { dir: dir.to_path_buf(), source })?;
    let made = open::disk_at(&place, CACHE).map_err(ImportError::from).and_then(|disk| {
        disk.set_usage(Some(Usage::default()));
        let Header { tee, created_ms, .. } = header;
        let meta = open::write_meta(&disk, Meta { format: open::FORMAT, tee, created_ms })?;
        let count = take(&disk, &meta, &header, &mut lines)?;
        finish(disk).map(|()| Imported::Added(count))
    });
    if made.is_err() {
        let _ = generation::remove(&place);
        if !was_there {
            let _ = fs::remove_dir(dir);
        }
    }
    made
}

/// Adds to what there is, in a copy.
fn into_there<R: BufRead>(dir: &Path, header: &Header, lines: &mut Lines<R>) -> Result<Imported, ImportError> {
    let (old, state) = offline::open_to_change(dir, Bounds::NONE)?;
    let known = match header.tee == state.meta.tee {
        true => Some(state.totals.applied),
        false => old.imports()?.get(&header.tee).copied(),
    };
    match known {
        Some(applied) if header.applied <= applied => return Ok(Imported::AlreadyThere),
        Some(_) => {
            return Err(lines.wrong(
                "the store has an earlier state of the same store: what this one has beyond it cannot be told; import it into a new directory",
            ));
        }
        None => {}
    }
    let mut making = Making::begin(dir, CACHE)?;
    let taken = making.copy(&old, u64::MAX / 2).map_err(ImportError::from).and_then(|_| {
        let meta = open::meta(making.disk())?.ok_or_else(|| old.damaged("it does not say its format"))?;
        take(making.disk(), &meta, header, lines)
    });
    match taken {
        Ok(count) => {
            let new = making.put_in_use()?;
            drop(old);
            generation::sweep(new.place());
            Ok(Imported::Added(count))
        }
        Err(error) => {
            making.abandon();
            Err(error)
        }
    }
}

fn finish(disk: Disk) -> Result<(), ImportError> {
    open::guarded(disk.dir(), || disk.sync())?;
    generation::put_in_use(disk.place())
        .map_err(|source| StoreError::Io { dir: disk.dir().to_path_buf(), source }.into())
}

/// Takes all lines into a generation that is not in use yet.
fn take<R: BufRead>(disk: &Disk, meta: &Meta, header: &Header, lines: &mut Lines<R>) -> Result<u64, ImportError> {
    let state = open::guarded(disk.dir(), || State::load(disk, meta, handle::bounds(EvidenceBatch::EXEMPLARS)))?;
    let mut taking = Taking { disk, state, change: Change::default(), foreign: header.tee != meta.tee };
    loop {
        let line: Line = lines.next()?;
        if let Line::End(End { lines: told }) = line {
            if told != lines.line {
                return Err(lines.wrong(format!("the export had {told} lines: some are missing, or came twice")));
            }
            if lines.from.fill_buf().is_ok_and(|rest| !rest.is_empty()) {
                lines.line += 1;
                return Err(lines.wrong("there is more after the last line of the export"));
            }
            break;
        }
        open::guarded(disk.dir(), || Ok(taking.line(line)))?.map_err(|refused| match refused {
            Refused::Line(message) => lines.wrong(message),
            Refused::Store(error) => error.into(),
        })?;
    }
    if taking.foreign {
        taking.note(Origin { tee: header.tee, applied: header.applied })?;
    }
    taking.state.totals.applied += header.applied;
    open::guarded(disk.dir(), || taking.write())?;
    Ok(lines.line)
}

/// Why a line is not taken.
enum Refused {
    Line(String),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Store(error)
    }
}

struct Taking<'a> {
    disk: &'a Disk,
    state: State,
    change: Change,
    /// The lines are of another store than the one that they are added to.
    foreign: bool,
}

impl Taking<'_> {
    fn write(&mut self) -> Result<(), StoreError> {
        self.state.finish(&mut self.change, self.disk)?;
        commit(self.disk, &self.change)?;
        self.change = Change::default();
        // what was changed is on the disk now, and need not be at hand any more
        self.state.cells.clear();
        Ok(())
    }
    fn line(&mut self, line: Line) -> Result<(), Refused> {
        match line {
            Line::Account(account) => self.account(&account)?,
            Line::Session(life) => self.session(life)?,
            Line::Import(origin) => {
                if origin.tee == self.state.meta.tee || self.disk.imports()?.contains_key(&origin.tee) {
                    return Err(Refused::Line(
                        "this evidence was imported into both stores: it would count twice; import into a new directory".to_owned(),
                    ));
                }
                self.note(origin)?;
            }
            Line::Owner(owner) => {
                self.state.ownership.merge(&Ownership([(owner.route.clone(), owner.owner)].into()));
                self.state.write_owner(&owner.route, &mut self.change, self.disk)?;
            }
            Line::Signature(kind) => self.signature(*kind)?,
            Line::Exemplar(kept) => self.exemplar(SignatureId(kept.signature), &kept.exemplar)?,
            Line::Cell(cell) => {
                let StoredCell { key, cell } = *cell;
                self.state.add_cell(&key, &cell, &mut self.change, self.disk)?;
            }
            Line::Pairs(pairs) => {
                let (StoredPairs { key, pairs }, bounds) = (*pairs, self.state.bounds);
                let State { pairs: all, totals, .. } = &mut self.state;
                all.add(&key, &pairs, bounds, totals, &mut self.change, self.disk)?;
            }
            Line::Coverage(coverage) => {
                let StoredCoverage { route, seen } = *coverage;
                let State { coverage: all, totals, .. } = &mut self.state;
                all.add(&route, &seen, totals, &mut self.change, self.disk)?;
            }
            Line::Sample(sample) => {
                let (key, most) = (sample.key, self.state.bounds.exemplars);
                let new: Vec<_> = sample.exemplars.into_iter().map(|one| (key.clone(), one)).collect();
                let State { samples, totals, .. } = &mut self.state;
                samples.add(&new, most, totals, &mut self.change, self.disk)?;
            }
            Line::End(_) => {}
        }
        if self.change.len() + self.change.ahead.len() > OPERATIONS {
            self.write()?;
        }
        Ok(())
    }
    fn note(&mut self, origin: Origin) -> Result<(), StoreError> {
        let bytes = record::encode(&origin).map_err(|error| self.disk.damaged(error))?;
        self.change.operations.insert(keys::import(origin.tee), Some(bytes));
        Ok(())
    }
    fn account(&mut self, account: &Account) -> Result<(), Refused> {
        let counts = record::counts_of(&account.counts).ok_or_else(|| {
            Refused::Line("the account names a reason that this version does not know: use a newer paritee".to_owned())
        })?;
        let State { counts: all, marks, totals, gaps, .. } = &mut self.state;
        all.add(&counts);
        marks.add(&marks_of(&account.marks));
        totals.compared.leaves += account.compared.leaves;
        totals.compared.hidden += account.compared.hidden;
        totals.left_out.add(&account.left_out);
        account.gaps.iter().for_each(|gap| gap::note(gaps, gap.clone()));
        Ok(())
    }
    /// Of another store's lives nobody looks for gaps any more: what one of them left is noted here.
    fn session(&mut self, life: Life) -> Result<(), StoreError> {
        let Life { tee, incarnation, mut session } = life;
        if self.foreign {
            if let Some(gap) = gap::after(&session, session.last_ms) {
                gap::note(&mut self.state.gaps, gap);
            }
            session.closed = true;
        }
        let source = Source { tee, incarnation };
        self.state.sessions.insert(source, session);
        self.state.write_session(source, &mut self.change, self.disk)
    }
    fn signature(&mut self, kind: Kind) -> Result<(), Refused> {
        let id = SignatureId(kind.id);
        let State { signatures, totals, bounds, .. } = &mut self.state;
        if !signatures.contains_key(&id) && signatures.len() >= bounds.signatures {
            totals.left_out.signatures += kind.count;
            return Ok(());
        }
        let fresh = || Entry { record: Arc::new(new_record(id, &kind.facts)), kept: Vec::new(), blob: None };
        let record = Arc::make_mut(&mut signatures.entry(id).or_insert_with(fresh).record);
        if record.status == "open" {
            record.status.clone_from(&kind.status);
        }
        let Kind {
            facts, count, marks, first_seen_ms, last_seen_ms, candidate_versions, builds, agreed_after_ms, ..
        } = kind;
        let delta = SignatureDelta {
            facts,
            count,
            marks,
            first_seen_ms,
            last_seen_ms,
            candidate_versions,
            builds,
            agreed_after_ms,
        };
        add(record, &delta);
        self.change.signatures.insert(id);
        Ok(())
    }
    fn exemplar(&mut self, id: SignatureId, exemplar: &Exemplar) -> Result<(), Refused> {
        let State { signatures, totals, bounds, bodies, .. } = &mut self.state;
        let Some(entry) = signatures.get_mut(&id) else {
            if signatures.len() >= bounds.signatures {
                totals.left_out.exemplars += 1;
                return Ok(());
            }
            return Err(Refused::Line(format!("an exemplar of the signature {id}, which no line before has")));
        };
        keep(id, entry, &[exemplar], bounds.exemplars, bodies, totals, &mut self.change)
            .map_err(|error| Refused::Line(error.to_string()))?;
        self.change.signatures.insert(id);
        Ok(())
    }
}
