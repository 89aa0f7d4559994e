// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/executor/detail/execution_plan.hpp>
#include <prunus/nn/executor/detail/memory_plan.hpp>
#include <prunus/nn/layers/detail/any_layer.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n, std::max, std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <memory>     // std::shared_ptr
#include <utility>    // std::move
#include <variant>    // std::visit
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

struct executor_options {
  Index threads = 1, shards = 1;
  bool share_memory = true;                 ///< compute in place and fuse
  std::vector<std::size_t> inner_losses{};  ///< nodes whose gradient the caller begins
};

/// Runs the layers of a resolved graph over batches: memory, order, threads. Knows nothing of
/// names.
///
/// A batch is cut into shards; a shard is one task. Within a phase a shard runs on its own, some
/// samples through all layers, then the next. Phases are separated where the whole batch must be
/// known: at batch normalisations, and backwards at gates.
template <class S>
class graph_executor {
 public:
  graph_executor(const resolved_graph& graph, std::vector<any_layer<S>> layers,
                 gradient_shares<S> shares, executor_options options)
      : options_(std::move(options)),
        layers_(std::move(layers)),
        shares_(std::move(shares.all())),
        pool_(options_.threads),
        scratch_(static_cast<std::size_t>(options_.threads)) {
    const std::vector<layer_traits> traits = traits_of(layers_);
    plan_ = plan_memory(graph, traits, options_.share_memory, options_.inner_losses);
    order_ =
        plan_execution(graph, traits, plan_, options_.share_memory, static_cast<Index>(sizeof(S)));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      layer_ports<S> ports;
      for (std::size_t k = 0; k < graph.nodes[i].inputs.size(); ++k)
        ports.in.push_back({.shape = graph.nodes[graph.nodes[i].inputs[k]].shape,
                            .accumulate = plan_.live[i] && plan_.accumulate[i][k]});
      ports.out.shape = graph.nodes[i].shape;
      ports_.push_back(std::move(ports));
      inputs_.push_back(graph.nodes[i].inputs);
      set_fused_relu(layers_[i], order_.relu_is_fused[i]);
    }
    Index scratch = 0;
    for (const any_layer<S>& layer : layers_)
      scratch =
          std::max(scratch, std::visit([](const auto& l) { return l.scratch_size(); }, layer));
    for (buffer& one : scratch_) one.setZero(scratch);
    for (any_layer<S>& layer : layers_)
      if (batch_norm_layer<S>* norm = std::get_if<batch_norm_layer<S>>(&layer))
        norm->prepare(options_.shards);
    plan_final_tasks();
  }

  [[nodiscard]] Index threads() const noexcept { return pool_.threads(); }
  [[nodiscard]] const layer_port<S>& result(std::size_t node) const noexcept {
    return ports_[node].out;
  }
  [[nodiscard]] const layer_port<S>& output() const noexcept { return ports_[plan_.output].out; }
  /// The same after a pass at inference.
  [[nodiscard]] const S* inferred() const noexcept { return folded_ports_[plan_.output].out.value; }

  /// Makes room for `batch` samples, and for their gradients when training.
  void reserve(Index batch, bool training) {
    const bool more_values = batch > capacity_,
               more_gradients = training && gradient_capacity_ < batch;
    if (more_values) {
      capacity_ = batch;
      allocate(values_, plan_.value_owner, plan_.live);
    }
    if (more_gradients) {
      gradient_capacity_ = capacity_;
      allocate(gradients_, plan_.gradient_owner, plan_.differentiated);
    }
    if (more_values || more_gradients) bind();
  }

  /// Gives a layer another kernel for inference, or its own back.
  /// @returns false where the layer can have none
  bool set_kernel(std::size_t node, const std::shared_ptr<block_kernel<S>>& kernel) {
    std::shared_ptr<block_kernel<S>>* const place = kernel_of(layers_[node]);
    if (place == nullptr) return false;
    if (kernel != nullptr)
      for (buffer& one : scratch_)
        if (one.size() < kernel->scratch_size()) one.setZero(kernel->scratch_size());
    *place = kernel;
    if (capacity_ > 0) bind();
    return true;
  }

  /// Gives all layers their own kernels back.
  void restore_kernels() {
    for (any_layer<S>& layer : layers_)
      if (std::shared_ptr<block_kernel<S>>* const place = kernel_of(layer)) *place = nullptr;
    if (capacity_ > 0) bind();
  }

  void forward(const S* images, Index batch, bool training, std::uint64_t step) {
    for (any_layer<S>& layer : layers_) {
      if (input_layer<S>* input = std::get_if<input_layer<S>>(&layer)) input->images = images;
      if (batch_norm_layer<S>* norm = std::get_if<batch_norm_layer<S>>(&layer);
          norm != nullptr && !training)
        norm->take_running_statistics();
    }
    fold_normalizations(!training);
    run(training ? order_.training : order_.inference, batch, training, step);
    for (std::size_t i : options_.inner_losses)
      if (training) std::fill_n(ports_[i].out.gradient, batch * ports_[i].out.size(), S(0));
  }

  void backward(Index batch, std::uint64_t step) {
    run(order_.backward, batch, true, step);
    const Index shards = std::min(options_.shards, batch);
    pool_.run(static_cast<Index>(final_tasks_.size()), [&](Index task, Index) {
      const final_task& t = final_tasks_[static_cast<std::size_t>(task)];
      if (t.is_linear) {
        std::get<linear_layer<S>>(layers_[t.node])
            .weight_gradient(ports_[t.node], batch, t.first, t.count);
        return;
      }
      const auto& g = shares_[t.node];
      for (Index shard = 0; shard < shards; ++shard)
        contribute(
            g.sum + t.first, shard > 0, t.count,
            [share = g.shares.data() + shard * g.pitch + t.first](Index i) { return share[i]; });
    });
  }

 private:
  using buffer = Eigen::Array<S, Eigen::Dynamic, 1>;

  /// A part of the gradients that needs the whole batch: rows of a linear layer, or numbers of a
  /// shared gradient.
  struct final_task {
    bool is_linear;
    std::size_t node;  // of the linear layer, or position in shares_
    Index first, count;
  };

  [[nodiscard]] static std::shared_ptr<block_kernel<S>>* kernel_of(any_layer<S>& layer) noexcept {
    return std::visit(
        [](auto& l) -> std::shared_ptr<block_kernel<S>>* {
          if constexpr (requires { l.inference; })
            return &l.inference;
          else
            return nullptr;
        },
        layer);
  }

  void plan_final_tasks() {
    constexpr Index rows = 32, numbers = 8192;
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (const linear_layer<S>* linear = std::get_if<linear_layer<S>>(&layers_[i]);
          linear != nullptr && plan_.live[i])
        for (Index first = 0; first < linear->shape.out; first += rows)
          final_tasks_.push_back({true, i, first, std::min(rows, linear->shape.out - first)});
    for (std::size_t i = 0; i < shares_.size(); ++i)
      for (Index first = 0; first < shares_[i].size; first += numbers)
        final_tasks_.push_back({false, i, first, std::min(numbers, shares_[i].size - first)});
  }

  void allocate(std::vector<buffer>& buffers, const std::vector<std::size_t>& owner,
                const std::vector<bool>& used) {
    buffers.resize(owner.size());
    for (std::size_t i = 0; i < owner.size(); ++i)
      if (used[i] && owner[i] == i) buffers[i].setZero(capacity_ * ports_[i].out.size());
  }

  void bind() {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      layer_port<S>& out = ports_[i].out;
      if (plan_.live[i]) out.value = values_[plan_.value_owner[i]].data();
      if (plan_.differentiated[i] && gradient_capacity_ > 0)
        out.gradient = gradients_[plan_.gradient_owner[i]].data();
    }
    for (std::size_t i = 0; i < ports_.size(); ++i)
      for (std::size_t k = 0; k < inputs_[i].size(); ++k) {
        ports_[i].in[k].value = ports_[inputs_[i][k]].out.value;
        ports_[i].in[k].gradient = ports_[inputs_[i][k]].out.gradient;
      }
    folded_ports_ = ports_;
    for (std::size_t i = 0; i < ports_.size(); ++i)
      folded_ports_[i].out.value = ports_[order_.result_in[i]].out.value;
    bind_results();
  }

  /// At inference nodes read the results of a kernel where it leaves them.
  void bind_results() {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      const auto* const kernel = kernel_of(layers_[i]);
      if (kernel == nullptr || *kernel == nullptr || (*kernel)->result() == nullptr) continue;
      const S* const elsewhere = folded_ports_[i].out.value;
      // Layers that work in place are dropouts and rectifiers: there, twice is once.
      S* const result = const_cast<S*>((*kernel)->result());
      for (layer_ports<S>& ports : folded_ports_) {
        if (ports.out.value == elsewhere) ports.out.value = result;
        for (layer_port<S>& in : ports.in)
          if (in.value == elsewhere) in.value = result;
      }
    }
  }

  static void set_fused_relu(any_layer<S>& layer, bool relu) {
    std::visit(
        [relu](auto& l) {
          if constexpr (requires { l.relu; }) l.relu = relu;
        },
        layer);
  }

  /// At inference a batch normalisation that follows a convolution becomes its epilogue.
  void fold_normalizations(bool fold) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const std::size_t into = order_.folded_into[i];
      if (into == no_node) continue;
      convolution_layer<S>& convolution = std::get<convolution_layer<S>>(layers_[i]);
      const batch_norm_layer<S>& norm = std::get<batch_norm_layer<S>>(layers_[into]);
      convolution.folded = fold;
      convolution.relu = fold && norm.relu;
      if (!fold) continue;
      convolution.scale.resize(static_cast<std::size_t>(norm.channels));
      convolution.shift.resize(static_cast<std::size_t>(norm.channels));
      for (Index c = 0; c < norm.channels; ++c) {
        const normalization_affine<S> by = norm.affine(c);
        const S bias = convolution.bias ? convolution.bias.value[c] * by.factor : S(0);
        convolution.scale[static_cast<std::size_t>(c)] = by.factor;
        convolution.shift[static_cast<std::size_t>(c)] = by.offset + bias;
      }
    }
  }

  void run(const std::vector<execution_phase>& phases, Index batch, bool training,
           std::uint64_t step) {
    const Index shards = std::min(options_.shards, batch);
    for (const execution_phase& phase : phases) {
      pool_.run(shards, [&](Index shard, Index worker) {
        const Index begin = shard * batch / shards, end = (shard + 1) * batch / shards;
        for (const execution_run& part : phase.runs)
          for (Index first = begin; first < end; first += part.samples)
            for (const execution_step& one : part.steps)
              execute(one, {.first = first,
                            .count = std::min(part.samples, end - first),
                            .shard = shard,
                            .starts_shard = first == begin,
                            .training = training,
                            .step = step,
                            .worker = worker,
                            .scratch = scratch_[static_cast<std::size_t>(worker)].data()});
      });
      if (phase.finish.node != no_node) finish(phase.finish, batch, shards, step);
    }
  }

  /// What one thread does when all shards are done.
  void finish(const execution_step& last, Index batch, Index shards, std::uint64_t step) {
    if (last.what == execution_stage::moments)
      std::get<batch_norm_layer<S>>(layers_[last.node]).finish_moments(shards);
    else if (last.what == execution_stage::sums)
      std::get<batch_norm_layer<S>>(layers_[last.node])
          .finish_sums(shards, batch, ports_[last.node].out.shape.plane());
    else
      execute(last,
              {.count = batch, .training = true, .step = step, .scratch = scratch_.front().data()});
  }

  void execute(const execution_step& one, const sample_block<S>& block) {
    const layer_ports<S>& ports = (block.training ? ports_ : folded_ports_)[one.node];
    switch (one.what) {
      case execution_stage::forward:
        return std::visit([&](const auto& layer) { layer.forward(ports, block); },
                          layers_[one.node]);
      case execution_stage::backward:
        return std::visit([&](const auto& layer) { layer.backward(ports, block); },
                          layers_[one.node]);
      case execution_stage::moments:
        return std::get<batch_norm_layer<S>>(layers_[one.node]).gather_moments(ports, block);
      case execution_stage::sums:
        return std::get<batch_norm_layer<S>>(layers_[one.node]).gather_sums(ports, block);
    }
  }

  executor_options options_;
  std::vector<any_layer<S>> layers_;
  std::vector<typename gradient_shares<S>::gradient> shares_;
  memory_plan plan_;
  execution_plan order_;
  Index capacity_ = 0, gradient_capacity_ = 0;
  std::vector<std::vector<std::size_t>> inputs_;
  std::vector<layer_ports<S>> ports_, folded_ports_;
  std::vector<buffer> values_, gradients_;
  std::vector<final_task> final_tasks_;
  thread_pool pool_;
  std::vector<buffer> scratch_;  // one a thread
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
