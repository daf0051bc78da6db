//! What is kept of each signature, and of what rules made equal: read from a store at rest, or from a running tee piece by
//! piece, so that nothing of it has to be judged by the tee.

use crate::cli::failure::Failure;
use crate::cli::source::Source;
use crate::evidence::{Exemplar, Known, Sample, SignatureFacts};
use crate::exchange::Route;
use crate::report::{Query, ReportView, SignatureView};

/// Everything that is kept, read when it is asked for.
pub(super) struct Kept<'s> {
    source: &'s Source,
    report: ReportView,
}

impl<'s> Kept<'s> {
    /// Finds out which signatures there are.
    pub(super) fn of(source: &'s Source) -> Result<Kept<'s>, Failure> {
        Ok(Kept { source, report: source.report(&[], &Query::default())? })
    }
    /// Those of the routes that are asked for.
    pub(super) fn signatures(&self, route: Option<&str>) -> impl Iterator<Item = &SignatureView> {
        self.report.signatures.iter().filter(move |one| is_asked_for(route, &one.route))
    }
    /// A signature with its exemplars.
    pub(super) fn known(&self, view: &SignatureView) -> Result<Known, Failure> {
        let id = view.id.parse().map_err(|_| Failure::could_not_run(format!("`{}` is no signature's id", view.id)))?;
        Ok(Known { id, facts: facts(view), count: view.count, exemplars: self.exemplars(view)? })
    }
    fn exemplars(&self, view: &SignatureView) -> Result<Vec<Exemplar>, Failure> {
        self.source.exemplars(&view.id)
    }
    /// What rules made equal, on the routes that are asked for; a part at a time.
    pub(super) fn samples(
        &self,
        route: Option<&str>,
        mut each: impl FnMut(Sample) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = self.source.samples(after.as_deref())?;
            page.samples.into_iter().filter(|one| is_asked_for(route, &one.key.route)).try_for_each(&mut each)?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

fn is_asked_for(asked: Option<&str>, route: &str) -> bool {
    asked.is_none_or(|asked| asked == route || asked == Route::declared_of(route))
}

fn facts(view: &SignatureView) -> SignatureFacts {
    SignatureFacts {
        route: view.route.clone(),
        inferred: view.inferred,
        place: view.place,
        path: view.path.clone(),
        kind: view.kind,
        detail: view.detail.clone(),
        shape: view.shape.clone(),
        severity: view.severity,
    }
}
