//! What the request says besides its token.

use healthcare_core::{ClinicId, Clues, CorrelationId, ErrorCode};
use http::{HeaderMap, request::Parts};
use std::net::IpAddr;

/// The client's address, put into the request's extensions by whoever knows which proxies to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The clinic that the request's host name stands for, put into the extensions by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubdomainClinic(pub ClinicId);

/// `X-Clinic-ID`, the query's `clinic_id`, `X-Location-ID`, `X-Purpose-Of-Use` and `traceparent`. None of them is believed:
/// the edge compares them with the token.
///
/// For hosts that make contexts in an extractor of their own; [`AuthLayer`](super::AuthLayer) does it by itself.
///
/// # Errors
/// [`ErrorCode::MalformedRequest`] when one of them comes twice or is not text.
pub fn clues(parts: &Parts) -> Result<Clues<'_>, ErrorCode> {
    Ok(Clues {
        header: single(&parts.headers, "x-clinic-id")?,
        query: query(parts.uri.query().unwrap_or_default())?,
        subdomain: parts.extensions.get::<SubdomainClinic>().map(|SubdomainClinic(clinic)| *clinic),
        location: single(&parts.headers, "x-location-id")?,
        purpose: single(&parts.headers, "x-purpose-of-use")?,
        correlation: parts.extensions.get::<CorrelationId>().copied(),
        trace: single(&parts.headers, "traceparent").unwrap_or_default(),
        source: parts.extensions.get::<ClientAddress>().map(|ClientAddress(ip)| *ip),
    })
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ErrorCode> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ErrorCode::MalformedRequest),
        // Two of them: which one would the next program read?
        (Some(_), Some(_)) => Err(ErrorCode::MalformedRequest),
    }
}

fn query(text: &str) -> Result<Option<&str>, ErrorCode> {
    let mut values = text.split('&').filter_map(|pair| match pair.split_once('=') {
        Some(("clinic_id", value)) => Some(value),
        None if pair == "clinic_id" => Some(""),
        _ => None,
    });
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(ErrorCode::MalformedRequest),
        (value, None) => Ok(value),
    }
}
