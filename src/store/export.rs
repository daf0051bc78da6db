//! Writing a store at rest as lines, one record at a time.

use super::keys::{self, Table};
use super::lines::{Account, End, Header, Kept, Kind, Life, Line, Origin, VERSION};
use super::read::{self, AtRest};
use super::record::{StoredCell, StoredCoverage, StoredOwner, StoredPairs};
use super::{StoreError, open, portable};
use crate::evidence::Sample;
use serde::Serialize;
use std::io::{self, Write};

/// Why an export could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store does not read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the lines does not.
    #[error("the export cannot be written: {0}")]
    Out(#[from] io::Error),
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    lines: u64,
}

impl Writer<'_> {
    fn line<T: Serialize>(&mut self, line: &T) -> Result<(), ExportError> {
        let value = portable::write(line).map_err(io::Error::other)?;
        serde_json::to_writer(&mut *self.out, &value).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        self.lines += 1;
        Ok(())
    }
}

impl AtRest {
    /// Writes everything that it holds, in a fixed order; how many lines that were. What is redacted stays redacted.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, ExportError> {
        open::guarded(self.disk.dir(), || Ok(self.export_to(out)))?
    }
    fn export_to(&self, out: &mut dyn Write) -> Result<u64, ExportError> {
        let (mut writer, state) = (Writer { out, lines: 0 }, &self.state);
        let totals = &state.totals;
        let (tee, created_ms, applied) = (state.meta.tee, state.meta.created_ms, totals.applied);
        writer.line(&Header { paritee_store: VERSION, tee, created_ms, applied })?;
        writer.line(&Line::Account(Account::of(totals, &state.gaps)))?;
        for (source, session) in &state.sessions {
            let (tee, incarnation) = (source.tee, source.incarnation);
            writer.line(&Line::Session(Life { tee, incarnation, session: session.clone() }))?;
        }
        for (tee, applied) in self.disk.imports()? {
            writer.line(&Line::Import(Origin { tee, applied }))?;
        }
        for (route, owner) in &state.ownership.0 {
            writer.line(&Line::Owner(StoredOwner { route: route.clone(), owner: *owner }))?;
        }
        self.export_signatures(&mut writer)?;
        for item in self.disk.table(Table::Cell, Table::Cell.prefix(), false)? {
            let cell: StoredCell = self.disk.decode(&item?.1)?;
            writer.line(&Line::Cell(Box::new(cell)))?;
        }
        let mut pairs = state.pairs.shared();
        pairs.sort_by_cached_key(|(key, _)| keys::pairs(key));
        for (key, pairs) in pairs {
            let (key, pairs) = ((*key).clone(), (*pairs).clone());
            writer.line(&Line::Pairs(Box::new(StoredPairs { key, pairs })))?;
        }
        for (route, seen) in state.coverage.shared() {
            let seen = (*seen).clone();
            writer.line(&Line::Coverage(Box::new(StoredCoverage { route, seen })))?;
        }
        for item in self.disk.table(Table::Sample, Table::Sample.prefix(), false)? {
            let sample: Sample = self.disk.decode(&item?.1)?;
            writer.line(&Line::Sample(Box::new(sample)))?;
        }
        let lines = writer.lines + 1;
        writer.line(&Line::End(End { lines }))?;
        writer.out.flush()?;
        Ok(lines)
    }

    fn export_signatures(&self, writer: &mut Writer<'_>) -> Result<(), ExportError> {
        let mut ids: Vec<_> = self.state.signatures.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(entry) = self.state.signatures.get(&id) else { continue };
            let record = &entry.record;
            writer.line(&Line::Signature(Box::new(Kind {
                id: id.0,
                facts: record.facts.clone(),
                count: record.count,
                marks: record.marks,
                first_seen_ms: record.first_seen_ms,
                last_seen_ms: record.last_seen_ms,
                status: record.status.clone(),
                candidate_versions: record.candidate_versions.clone(),
                builds: record.builds.clone(),
                agreed_after_ms: record.agreed_after_ms.clone(),
            })))?;
            for kept in &entry.kept {
                let exemplar = read::exemplar(&self.disk, id, kept)?;
                writer.line(&Line::Exemplar(Box::new(Kept { signature: id.0, exemplar })))?;
            }
        }
        Ok(())
    }
}
