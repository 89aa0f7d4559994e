// SPDX-License-Identifier: MIT
#pragma once

#include <memory>  // std::addressof

namespace prunus {
inline namespace v0 {

/// What a criterion holds of the statistics that it reads: where they are, never a copy, so that
/// every event sees what was gathered until then. The statistics must outlive it.
///
///     prunus::activation_statistics outputs;
///     prunus::pass{prunus::apoz{outputs}, prunus::filter}
template <class Statistics>
class statistics_ref {
 public:
  statistics_ref(const Statistics& statistics) noexcept  // NOLINT(google-explicit-constructor)
      : statistics_(std::addressof(statistics)) {}
  /// Temporary statistics would dangle.
  statistics_ref(const Statistics&&) = delete;

  [[nodiscard]] const Statistics& operator*() const noexcept { return *statistics_; }
  [[nodiscard]] const Statistics* operator->() const noexcept { return statistics_; }

 private:
  const Statistics* statistics_;
};

}  // namespace v0
}  // namespace prunus
