//! A catalogue with that exporter's names: where each row finds what it shows.

use std::sync::{Mutex, PoisonError};

use super::environments;
use super::row::CiExporterRow;
use super::rows::rows;
use crate::metrics::metric::OtherName;
use crate::metrics::placed::{EndedPlace, Places, RowAttribute, RowText, TablePlace};
use crate::metrics::subject::{Counted, Shows};
use crate::metrics::{Catalogue, Metric, PlacedTable, ScrapeNames, place_of};

/// Of each catalogue, the one that was made of it.
static MADE: Mutex<Vec<(&'static Catalogue, &'static Catalogue)>> = Mutex::new(Vec::new());

impl Catalogue {
    /// The same, with the names that a scrape is to find. It is made once, however often the configuration is
    /// read, and kept for good.
    pub fn with_names(&'static self, names: ScrapeNames) -> &'static Catalogue {
        let has_them = || self.metrics().iter().any(|own| own.ci_exporter.is_some());
        if names == ScrapeNames::GitLab || has_them() {
            return self;
        }
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = made.iter().find(|(of, _)| std::ptr::eq(*of, self)) {
            return known;
        }
        let catalogue = self.with_ci_exporter().expect("a test builds it");
        let catalogue: &'static Catalogue = Box::leak(Box::new(catalogue));
        made.push((self, catalogue));
        catalogue
    }

    /// Whether a scrape finds that metric of ours under another name.
    pub fn has_another_name_for(&self, metric: &str) -> bool {
        let names = self.metrics().iter().filter_map(|own| own.ci_exporter);
        names
            .into_iter()
            .any(|name| name.in_place_of == Some(metric))
    }

    /// # Errors
    /// If a row is wrong: what is wrong with each, one a line.
    pub(super) fn with_ci_exporter(&self) -> Result<Catalogue, String> {
        let subjects = [self.subjects(), &[&environments::SUBJECT]].concat();
        let mut catalogue = Catalogue::new(&subjects)?;
        for row in rows() {
            let metric = catalogue.ci_exporter_metric(row);
            let metric = metric.map_err(|problem| format!("{}: {problem}", row.row.name))?;
            catalogue.metrics.push(metric);
        }
        match catalogue.problems() {
            problems if problems.is_empty() => Ok(catalogue),
            problems => Err(problems),
        }
    }

    fn ci_exporter_metric(&mut self, row: &'static CiExporterRow) -> Result<Metric, String> {
        let mut tables = self
            .tables(crate::metrics::Grain::Project)
            .iter()
            .enumerate();
        let fits = |table: &PlacedTable| table.subject.name == row.subject && row.fits(table);
        // A subject of these rows alone stands behind those of ours.
        let found = tables.rfind(|(_, table)| fits(table));
        let (index, table) = found.ok_or("no subject has such columns")?;
        let (subject, rows) = (table.subject, row.table_place(index, table)?);
        let places = match row.row.shows {
            Shows::Counted(counted) => {
                let by = counted.by.iter();
                let by = by
                    .map(|name| table.attribute(name))
                    .collect::<Result<_, _>>()?;
                let (ended, of) = self.place_counted(row, &counted)?;
                Places::Counted {
                    rows,
                    by,
                    ended,
                    of,
                }
            }
            _ => Places::Table(rows),
        };
        let mut metric = Metric::new(subject, &row.row, places);
        metric.ci_exporter = Some(OtherName {
            in_place_of: row.in_place_of,
        });
        Ok(metric)
    }

    /// Makes a place for what a row counts. Returns it, and the table of the counted things.
    fn place_counted(
        &mut self,
        row: &CiExporterRow,
        counted: &Counted,
    ) -> Result<(usize, usize), String> {
        let grain = crate::metrics::Grain::Project;
        let found = self.table(grain, counted.subject);
        let (table, things) = found.ok_or("there is no such subject")?;
        let by = counted.by.iter();
        let place = EndedPlace {
            name: format!("{}.{}", counted.subject, row.row.name),
            table,
            at: None,
            value: None,
            attributes: by
                .map(|name| things.attribute(name))
                .collect::<Result<_, _>>()?,
            bounds: &[],
            when: counted.when,
            by_row: true,
        };
        let ended = &mut self.ended[grain as usize];
        ended.push(place);
        Ok((ended.len() - 1, table))
    }
}

impl CiExporterRow {
    /// The column that an attribute shows.
    fn column(&self, attribute: &'static str) -> &'static str {
        let renamed = self.renamed.iter().find(|own| own.attribute == attribute);
        renamed.map_or(attribute, |own| own.column)
    }

    /// Whether a table has all columns that it shows.
    fn fits(&self, table: &PlacedTable) -> bool {
        let own = self.row.attributes.iter().filter(|own| !own.is_identity());
        let value = match self.row.shows {
            Shows::Value(column) => place_of(&table.values, column).is_some(),
            _ => true,
        };
        value
            && own
                .map(|own| self.column(own.name))
                .all(|name| table.has_label(name))
    }

    fn table_place(&self, index: usize, table: &PlacedTable) -> Result<TablePlace, String> {
        let own = self.row.attributes.iter().filter(|own| !own.is_identity());
        let attribute = |name: &'static str| -> Result<RowAttribute, String> {
            let column = self.column(name);
            let at = place_of(&table.labels, column);
            let at = at.ok_or_else(|| format!("no label is called {column}"))?;
            let renamed = self.renamed.iter().find(|own| own.attribute == name);
            let from = match renamed {
                Some(renamed) => RowText::Reworded(at, renamed.reworded),
                None => RowText::Label(at),
            };
            Ok(RowAttribute { name, from })
        };
        Ok(TablePlace {
            table: index,
            value: match self.row.shows {
                Shows::Value(column) => Some(table.value_place(column)?),
                _ => None,
            },
            attributes: own
                .map(|own| attribute(own.name))
                .collect::<Result<_, _>>()?,
        })
    }
}
