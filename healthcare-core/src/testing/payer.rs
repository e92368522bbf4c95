//! The suite of those who are asked whether a visit is covered.

use crate::{CoverageAnswer, CoverageInquiry, Payer};
use std::sync::Arc;

/// Answers are about what was asked, side by side and again. Make a payer that knows the first two inquiries, one in force and one not, and
/// does not know the third.
///
/// # Panics
/// When the implementation breaks its contract.
pub async fn payer(payer: Arc<dyn Payer>, [covered, uncovered, unknown]: [CoverageInquiry; 3]) {
    let expected = [
        (covered, Some(CoverageAnswer::InForce)),
        (uncovered, Some(CoverageAnswer::NotInForce)),
        (unknown, None),
    ];
    for _ in 0..3 {
        let asked = expected.clone().map(|(inquiry, answer)| {
            let payer = Arc::clone(&payer);
            tokio::spawn(async move { assert_eq!(payer.ask(&inquiry).await.ok(), answer, "{inquiry:?}") })
        });
        for asked in asked {
            asked.await.expect("it answers what was asked");
        }
    }
}
