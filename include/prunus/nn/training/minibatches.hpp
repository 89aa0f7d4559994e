// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/random.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <span>       // std::span
#include <utility>    // std::swap
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

namespace nn {

/// Fills `order` with 0, 1, ..., size - 1, shuffled: a pure function of (seed, epoch, size).
inline void shuffled_order(std::span<Index> order, std::uint64_t seed,
                           std::uint64_t epoch) noexcept {
  const counter_random random(seed, epoch);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[static_cast<std::size_t>(random.below(left, left))]);
}

struct minibatch_options {
  Index batch = 128;
  std::uint64_t seed = 1;
  bool shuffle = true;
  bool drop_last = false;  ///< leave out a last batch that is not full
  Index positions = 1;     ///< labels of one sample: more than one for segmentation
};

/// Some samples and their labels, one after the other.
template <class S>
struct minibatch {
  std::span<const S> images;
  std::span<const int> labels;
  Index samples = 0;
  [[nodiscard]] Index size() const noexcept { return samples; }
};

/// Cuts a data set into batches, in another order each epoch. Which samples are in batch b of epoch
/// e is a pure function of (seed, e, b), so that a resumed run sees what it would have seen.
///
/// Holds views on images and labels, which must outlive it, and copies one batch at a time.
template <class S>
class minibatches {
 public:
  /// @throws argument_error (out_of_range: no labels, batch < 1, positions < 1), shape_error
  /// (shape_mismatch)
  minibatches(std::span<const S> images, std::span<const int> labels,
              const minibatch_options& options = {})
      : images_(images), labels_(labels), options_(options) {
    if (labels.empty() || options.batch < 1 || options.positions < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("minibatches: ", labels.size(), " labels, ",
                                                  options.positions, " a sample, in batches of ",
                                                  options.batch, "; all must be at least 1"));
    plane_ = static_cast<std::size_t>(options.positions);
    const std::size_t samples = labels.size() / plane_;
    if (samples * plane_ != labels.size() || images.empty() || images.size() % samples != 0)
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("minibatches: ", images.size(), " numbers for ", labels.size(),
                                 " labels; expected the same number for each ", plane_));
    size_ = images.size() / samples;
    order_.resize(samples);
    const std::size_t most = std::min(static_cast<std::size_t>(options.batch), samples);
    batch_images_.resize(most * size_);
    batch_labels_.resize(most * plane_);
  }

  /// Batches in an epoch.
  [[nodiscard]] Index count() const noexcept {
    const Index samples = static_cast<Index>(order_.size());
    return options_.drop_last ? samples / options_.batch
                              : (samples + options_.batch - 1) / options_.batch;
  }

  /// Batch `index` of `epoch`; valid until the next call.
  /// @throws argument_error (out_of_range) unless 0 <= index < count()
  [[nodiscard]] minibatch<S> operator()(std::uint64_t epoch, Index index) {
    if (index < 0 || index >= count())
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("minibatches: batch ", index, " of ", count(), " in an epoch"));
    if (!ordered_ || epoch != epoch_) {
      if (options_.shuffle)
        shuffled_order(order_, options_.seed, epoch);
      else
        for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<Index>(i);
      ordered_ = true;
      epoch_ = epoch;
    }
    const std::size_t begin = static_cast<std::size_t>(index * options_.batch);
    const std::size_t samples =
        std::min(static_cast<std::size_t>(options_.batch), order_.size() - begin);
    for (std::size_t i = 0; i < samples; ++i) {
      const std::size_t from = static_cast<std::size_t>(order_[begin + i]);
      std::copy_n(images_.data() + from * size_, size_, batch_images_.data() + i * size_);
      std::copy_n(labels_.data() + from * plane_, plane_, batch_labels_.data() + i * plane_);
    }
    return {{batch_images_.data(), samples * size_},
            {batch_labels_.data(), samples * plane_},
            static_cast<Index>(samples)};
  }

 private:
  std::span<const S> images_;
  std::span<const int> labels_;
  minibatch_options options_;
  std::size_t size_ = 0;   // numbers of one image
  std::size_t plane_ = 1;  // labels of one image
  bool ordered_ = false;
  std::uint64_t epoch_ = 0;
  std::vector<Index> order_;
  std::vector<S> batch_images_;
  std::vector<int> batch_labels_;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
