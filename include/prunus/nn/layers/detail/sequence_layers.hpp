// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n
#include <cmath>      // std::sqrt
#include <optional>   // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

/// Scaled dot-product attention. Backwards the weights of the positions are computed anew, so that
/// nothing is kept between the passes.
///
/// Products are Eigen's lazy ones: they allocate nothing, and the planes of a head are small.
template <class S>
struct attention_layer {
  Index heads;
  Index query_features, value_features;  ///< of one head
  Index queries, keys;                   ///< positions

  [[nodiscard]] static std::optional<attention_layer> made_for(const layer_context<S>& at) {
    const auto* op = at.template as<operation::attention>();
    if (op == nullptr) return std::nullopt;
    const tensor_shape &query = at.in(), &value = at.in(2);
    return attention_layer{op->heads, query.channels / op->heads, value.channels / op->heads,
                           query.plane(), value.plane()};
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  /// The weights of the positions and their gradient.
  [[nodiscard]] Index scratch_size() const noexcept { return 2 * queries * keys; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n)
      for (Index h = 0; h < heads; ++h) {
        matrix_map weights(block.scratch, queries, keys);
        find_weights(query_of(ports, n, h), key_of(ports, n, h), weights);
        matrix_map out(ports.out.value_of(n) + h * value_features * queries, value_features,
                       queries);
        out.noalias() = value_of(ports, n, h).lazyProduct(weights.transpose());
      }
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n)
      for (Index h = 0; h < heads; ++h) {
        const const_map query = query_of(ports, n, h), key = key_of(ports, n, h),
                        value = value_of(ports, n, h);
        const const_map slope(ports.out.gradient_of(n) + h * value_features * queries,
                              value_features, queries);
        matrix_map weights(block.scratch, queries, keys);
        matrix_map scores(block.scratch + queries * keys, queries, keys);
        find_weights(query, key, weights);
        scores.noalias() = slope.transpose().lazyProduct(value);
        for (Index i = 0; i < queries; ++i) {  // through the softmax, and through the scale
          const S mean = weights.row(i).dot(scores.row(i));
          scores.row(i).array() = weights.row(i).array() * (scores.row(i).array() - mean) * scale();
        }
        add(ports.in[0], n, h, query_features, key.lazyProduct(scores.transpose()));
        add(ports.in[1], n, h, query_features, query.lazyProduct(scores));
        add(ports.in[2], n, h, value_features, slope.lazyProduct(weights));
      }
  }

 private:
  using matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using matrix_map = Eigen::Map<matrix>;
  using const_map = Eigen::Map<const matrix>;

  [[nodiscard]] S scale() const noexcept { return 1 / std::sqrt(static_cast<S>(query_features)); }
  [[nodiscard]] const_map query_of(const layer_ports<S>& ports, Index n, Index h) const {
    return {ports.in[0].value_of(n) + h * query_features * queries, query_features, queries};
  }
  [[nodiscard]] const_map key_of(const layer_ports<S>& ports, Index n, Index h) const {
    return {ports.in[1].value_of(n) + h * query_features * keys, query_features, keys};
  }
  [[nodiscard]] const_map value_of(const layer_ports<S>& ports, Index n, Index h) const {
    return {ports.in[2].value_of(n) + h * value_features * keys, value_features, keys};
  }
  /// softmax(query^T key / sqrt(features)), row by row.
  void find_weights(const const_map& query, const const_map& key, matrix_map& weights) const {
    weights.noalias() = query.transpose().lazyProduct(key);
    for (Index i = 0; i < queries; ++i) {
      auto row = weights.row(i).array();
      row = ((row - row.maxCoeff()) * scale()).exp();
      row /= row.sum();
    }
  }
  template <class Product>
  static void add(const layer_port<S>& in, Index n, Index h, Index features,
                  const Product& product) {
    if (in.gradient == nullptr) return;
    matrix_map to(in.gradient_of(n) + h * features * in.shape.plane(), features, in.shape.plane());
    if (in.accumulate)
      to.noalias() += product;
    else
      to.noalias() = product;
  }
};

/// Rows of a table by number. The numbers must be whole and lie in the table.
template <class S>
struct embedding_layer {
  operation::embedding op;
  layer_parameter<S> table;  // vocabulary x features

  [[nodiscard]] static std::optional<embedding_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::embedding>([&](const auto& its) {
      return embedding_layer{its, at.shared_parameter("weight")};
    });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = ports.out.shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index p = 0; p < plane; ++p) {
        const S* row = table.value + row_at(ports, n, p);
        for (Index c = 0; c < op.features; ++c) ports.out.value_of(n)[c * plane + p] = row[c];
      }
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = ports.out.shape.plane();
    S* const share = table.share_of(block.shard);
    if (block.starts_shard) std::fill_n(share, op.vocabulary * op.features, S(0));
    for (Index n = block.first; n < block.end(); ++n)
      for (Index p = 0; p < plane; ++p) {
        S* row = share + row_at(ports, n, p);
        for (Index c = 0; c < op.features; ++c) row[c] += ports.out.gradient_of(n)[c * plane + p];
      }
  }

 private:
  [[nodiscard]] Index row_at(const layer_ports<S>& ports, Index n, Index p) const {
    return static_cast<Index>(ports.in[0].value_of(n)[p]) * op.features;
  }
};

/// Adds a learned vector to every position.
template <class S>
struct position_embedding_layer {
  layer_parameter<S> table;  // positions x channels

  [[nodiscard]] static std::optional<position_embedding_layer> made_for(
      const layer_context<S>& at) {
    return at.template when<operation::position_embedding>(
        [&](const auto&) { return position_embedding_layer{at.shared_parameter("weight")}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.overwrites = 1, .backward_in_place = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index channels = ports.out.shape.channels, plane = ports.out.shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c)
        for (Index p = 0; p < plane; ++p)
          ports.out.value_of(n)[c * plane + p] =
              ports.in[0].value_of(n)[c * plane + p] + table.value[p * channels + c];
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index channels = ports.out.shape.channels, plane = ports.out.shape.plane();
    S* const share = table.share_of(block.shard);
    if (block.starts_shard) std::fill_n(share, plane * channels, S(0));
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c)
        for (Index p = 0; p < plane; ++p)
          share[p * channels + c] += ports.out.gradient_of(n)[c * plane + p];
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr || in.gradient == ports.out.gradient) return;
    const S* dy = ports.out.gradient_of(block.first);
    contribute(in.gradient_of(block.first), in.accumulate, block.count * in.size(),
               [&](Index i) { return dy[i]; });
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
