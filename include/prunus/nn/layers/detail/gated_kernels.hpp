// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/nn/layers/detail/block_kernel.hpp>
#include <prunus/nn/layers/detail/gate_layer.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/pooling.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n
#include <cstddef>    // std::size_t
#include <memory>     // std::shared_ptr
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What gated convolutions and linear layers share: `Fast` computes the open channels.
template <class S, class Fast>
class gated_kernel : public block_kernel<S> {
 public:
  /// @param read which channels of the input are open; null: all
  gated_kernel(Fast computes, const S* weights, const open_flags* read, Index threads, Index shards)
      : fast(std::move(computes)),
        weights_(weights),
        read_(read),
        runs_(static_cast<std::size_t>(shards)) {
    for (Index t = 0; t < threads; ++t) work_.push_back(fast.make_workspace());
  }
  [[nodiscard]] Index scratch_size() const noexcept final { return 0; }
  [[nodiscard]] const S* result() const noexcept final { return nullptr; }

  /// What the shards of the last batch did.
  [[nodiscard]] executed_work last_work(Index shards) const noexcept {
    executed_work sum;
    for (Index k = 0; k < shards; ++k) sum += runs_[static_cast<std::size_t>(k)];
    return sum;
  }

  Fast fast;

 protected:
  [[nodiscard]] const std::uint8_t* open_inputs(const sample_block<S>& block) const noexcept {
    return open_flags::of(read_, block.first);
  }
  [[nodiscard]] auto& workspace(const sample_block<S>& block) noexcept {
    return work_[static_cast<std::size_t>(block.worker)];
  }
  void count(const executed_work& run, const sample_block<S>& block) noexcept {
    executed_work& sum = runs_[static_cast<std::size_t>(block.shard)];
    if (block.starts_shard) sum = {};
    sum += run;
  }
  const S* weights_;

 private:
  const open_flags* read_;
  std::vector<typename Fast::workspace> work_;  // of each worker
  std::vector<executed_work> runs_;             // of each shard
};

/// A convolution with the gate that decides, before or after it, which of its channels are open.
template <class S, class Gate>
class gated_convolution_kernel final : public gated_kernel<S, gated_convolution<S>> {
  using base = gated_kernel<S, gated_convolution<S>>;

 public:
  gated_convolution_kernel(std::string name, const convolution_shape& shape, const S* weights,
                           const open_flags* read, std::shared_ptr<batch_gate<S, Gate>> its_gate,
                           gate_source source, Index threads, Index shards)
      : base(gated_convolution<S>(shape), weights, read, threads, shards),
        statistics(std::move(name), shape.out_channels),
        gate(std::move(its_gate)),
        decides_first_(gate != nullptr && source == gate_source::input) {}

  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y,
               const sample_block<S>& block) override {
    if (decides_first_) gate->decide(x, block.first, block.count);
    const open_channels open{this->open_inputs(block),
                             decides_first_ ? open_flags::of(&gate->open, block.first) : nullptr};
    this->count(this->fast.forward(x, this->weights_, epilogue, y, block.count, open,
                                   this->workspace(block)),
                block);
    if (gate == nullptr) return;
    if (!decides_first_) {
      gate->decide(y, block.first, block.count);
      gate->close(y, block.first, block.count);
    }
    gate->shape(y, block.first, block.count);
  }

  void record(Index batch, Index shards) {
    statistics.record(this->last_work(shards), gate == nullptr ? 0 : batch * gate->gate.macs());
    if (gate != nullptr)
      statistics.record(std::span<const std::uint8_t>(gate->open.flags)
                            .first(static_cast<std::size_t>(batch * gate->open.channels)));
  }

  gate_statistics statistics;
  std::shared_ptr<batch_gate<S, Gate>> gate;

 private:
  bool decides_first_;
};

/// Leaves out closed inputs.
template <class S>
class gated_linear_kernel final : public gated_kernel<S, gated_linear<S>> {
 public:
  using gated_kernel<S, gated_linear<S>>::gated_kernel;

  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y,
               const sample_block<S>& block) override {
    this->count(this->fast.forward(x, this->weights_, epilogue, y, block.count,
                                   {.inputs = this->open_inputs(block)}, this->workspace(block)),
                block);
  }

  executed_work work;
};

/// Planes of closed channels are zero, and so is what is pooled of them.
template <class S>
class gated_pooling_kernel final : public block_kernel<S> {
 public:
  gated_pooling_kernel(const pooling_shape& shape, bool maximum, const open_flags& read)
      : shape_(shape), maximum_(maximum), read_(&read) {}
  [[nodiscard]] Index scratch_size() const noexcept override { return 0; }
  [[nodiscard]] const S* result() const noexcept override { return nullptr; }

  void forward(const S* x, const channel_epilogue<S>&, S* y,
               const sample_block<S>& block) override {
    const std::uint8_t* const open = open_flags::of(read_, block.first);
    for (Index k = 0; k < block.count * read_->channels;
         ++k, x += shape_.in_plane(), y += shape_.out_plane())
      if (open[k] == 0)
        std::fill_n(y, shape_.out_plane(), S(0));
      else if (maximum_)
        max_pooling_forward(shape_, x, y, Index{1});
      else
        average_pooling_forward(shape_, x, y, Index{1});
  }

 private:
  pooling_shape shape_;
  bool maximum_;
  const open_flags* read_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
