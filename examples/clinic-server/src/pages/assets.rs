//! What pages load: small files of our own, compiled in.

use crate::http::Problem;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use healthcare_core::ErrorCode;
use http::header;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file by its name.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, Problem> {
    let (media, text) = match name.as_str() {
        "board.js" => (SCRIPT, include_str!("../../assets/board.js")),
        "clinic.css" => (STYLE, include_str!("../../assets/clinic.css")),
        _ => return Err(Problem::of(ErrorCode::NotFound)),
    };
    let headers = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "max-age=3600")];
    Ok((headers, text).into_response())
}
