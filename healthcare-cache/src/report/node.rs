use super::NodeStatistics;
use crate::CacheNode;

impl CacheNode {
    /// What it counted.
    #[cfg_attr(docsrs, doc(cfg(feature = "statistics")))]
    #[must_use]
    pub fn statistics(&self) -> NodeStatistics {
        let (report, hears_until) = self.report();
        report.statistics(self.now(), hears_until)
    }
}
