//! Pages: cursors, the `Link` header and the parameters of a request's query.
//!
//! A cursor is `value:id:is_prev`: the place in the order, so that pages stay where they are while
//! new rows arrive. To callers it is opaque. Both links are always sent; `results` says whether
//! there is something behind them.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use crate::store::place::{Direction, Place};

/// Most rows of a page, and how many there are without a wish.
pub(super) const PAGE_ROWS_MAX: u32 = 100;
/// Most parameters of one request.
const PARAMS_MAX: usize = 500;

/// The query's parameters, in order; a name may be repeated.
#[derive(Clone, Debug)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    uri: Uri,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // The path as it was asked for, not as a nested router sees it.
        let uri = parts
            .extensions
            .get::<axum::extract::OriginalUri>()
            .map_or_else(|| parts.uri.clone(), |original| original.0.clone());
        let pairs: Vec<(String, String)> =
            axum::extract::Query::try_from_uri(&parts.uri).map_or_else(|_| Vec::new(), |q| q.0);
        let pairs = pairs.into_iter().take(PARAMS_MAX).collect();
        std::future::ready(Ok(Self { pairs, uri })).await
    }
}

impl Params {
    /// The first value of a name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The first value of a name, unless it is empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// How many rows are wished for: `limit`, or `per_page`.
    pub(super) fn limit(&self) -> Result<u32, ApiError> {
        let Some(text) = self.some("limit").or_else(|| self.some("per_page")) else {
            return Ok(PAGE_ROWS_MAX);
        };
        match text.parse() {
            Ok(limit @ 1..=PAGE_ROWS_MAX) => Ok(limit),
            _ => Err(ApiError::invalid(format!(
                "limit is a number from 1 to {PAGE_ROWS_MAX}"
            ))),
        }
    }

    /// Where to begin.
    pub(super) fn cursor(&self) -> Result<Option<Cursor>, ApiError> {
        self.some("cursor")
            .map(|text| {
                Cursor::parse(text).ok_or_else(|| ApiError::invalid("Invalid cursor parameter."))
            })
            .transpose()
    }
}

/// A place in an order and the direction to read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) place: Place,
    pub(super) direction: Direction,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let value = parts.next()?.parse().ok()?;
        let id = parts.next()?.parse().ok()?;
        let direction = match parts.next()? {
            "0" => Direction::Onward,
            "1" => Direction::Back,
            _ => return None,
        };
        let place = Place { value, id };
        parts.next().is_none().then_some(Self { place, direction })
    }

    fn text(self) -> String {
        let is_prev = u8::from(self.direction == Direction::Back);
        format!("{}:{}:{is_prev}", self.place.value, self.place.id)
    }
}

/// Rows of a page, and whether there are more on either side.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    previous: Option<Place>,
    next: Option<Place>,
    has_previous: bool,
    has_next: bool,
    hits: Option<(u64, u64)>,
}

impl<T> Page<T> {
    /// Cuts a page out of up to `limit + 1` rows read from `cursor` in its direction.
    pub(super) fn cut(
        mut rows: Vec<T>,
        limit: u32,
        cursor: Option<Cursor>,
        place: impl Fn(&T) -> Place,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let direction = cursor.map_or(Direction::Onward, |cursor| cursor.direction);
        if direction == Direction::Back {
            rows.reverse();
        }
        let here = cursor.map(|cursor| cursor.place);
        let (has_previous, has_next) = match direction {
            Direction::Onward => (cursor.is_some(), has_more),
            Direction::Back => (has_more, true),
        };
        Self {
            previous: rows.first().map(&place).or(here),
            next: rows.last().map(&place).or(here),
            rows,
            has_previous,
            has_next,
            hits: None,
        }
    }

    /// Everything on one page.
    pub(super) fn whole(rows: Vec<T>) -> Self {
        Self {
            rows,
            previous: None,
            next: None,
            has_previous: false,
            has_next: false,
            hits: None,
        }
    }

    /// Adds how many rows there are in all, counted up to `max`.
    pub(super) fn with_hits(mut self, hits: u64, max: u64) -> Self {
        self.hits = Some((hits, max));
        self
    }

    /// The same page with each row made into something else.
    pub(super) fn map<U>(self, f: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        Page {
            rows: f(self.rows),
            previous: self.previous,
            next: self.next,
            has_previous: self.has_previous,
            has_next: self.has_next,
            hits: self.hits,
        }
    }
}

impl<T: Serialize> Page<T> {
    /// The rows as JSON, with the links.
    pub(super) fn respond(self, params: &Params) -> Response {
        let (headers, rows) = self.into_parts(params);
        (headers, Json(&rows)).into_response()
    }
}

impl<T> Page<T> {
    /// The headers with the links, and the rows.
    pub(super) fn into_parts(self, params: &Params) -> (HeaderMap, Vec<T>) {
        let mut headers = HeaderMap::new();
        if let Ok(link) = HeaderValue::try_from(self.link(&params.uri)) {
            headers.insert(header::LINK, link);
        }
        if let Some((hits, max)) = self.hits {
            headers.insert(HeaderName::from_static("x-hits"), HeaderValue::from(hits));
            headers.insert(
                HeaderName::from_static("x-max-hits"),
                HeaderValue::from(max),
            );
        }
        (headers, self.rows)
    }

    fn link(&self, uri: &Uri) -> String {
        let start = Place { value: 0, id: 0 };
        let relations = [
            (
                "previous",
                self.previous,
                Direction::Back,
                self.has_previous,
            ),
            ("next", self.next, Direction::Onward, self.has_next),
        ];
        let mut link = String::new();
        for (rel, place, direction, results) in relations {
            let place = place.unwrap_or(start);
            let cursor = Cursor { place, direction }.text();
            let address = with_cursor(uri, &cursor);
            let comma = if link.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(
                link,
                "{comma}<{address}>; rel=\"{rel}\"; results=\"{results}\"; cursor=\"{cursor}\""
            );
        }
        link
    }
}

/// The same address with another cursor. Relative to the origin, since a proxy may have its own.
fn with_cursor(uri: &Uri, cursor: &str) -> String {
    let mut address = format!("{}?", uri.path());
    for pair in uri.query().unwrap_or_default().split('&') {
        if !pair.is_empty() && pair != "cursor" && !pair.starts_with("cursor=") {
            address.push_str(pair);
            address.push('&');
        }
    }
    address.push_str("cursor=");
    address.push_str(cursor);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nonsense_is_refused() {
        for text in ["17:4:0", "-5:9:1"] {
            assert_eq!(Cursor::parse(text).unwrap().text(), text);
        }
        for text in ["", "1", "1:2", "1:2:3", "a:b:0", "1:2:0:0"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn links_keep_the_query_and_replace_the_cursor() {
        let uri: Uri = "/api/0/x/?query=a%20b&cursor=1:2:0&limit=2"
            .parse()
            .unwrap();
        let rows = vec![3_i64, 2, 1];
        let cursor = Cursor::parse("4:4:0");
        let page = Page::cut(rows, 2, cursor, |row| Place {
            value: *row,
            id: *row,
        });
        assert_eq!(page.rows, [3, 2]);
        assert_eq!(
            page.link(&uri),
            "</api/0/x/?query=a%20b&limit=2&cursor=3:3:1>; rel=\"previous\"; results=\"true\"; \
             cursor=\"3:3:1\", </api/0/x/?query=a%20b&limit=2&cursor=2:2:0>; rel=\"next\"; \
             results=\"true\"; cursor=\"2:2:0\""
        );
    }
}
