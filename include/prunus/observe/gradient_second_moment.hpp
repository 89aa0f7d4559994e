// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensor.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <set>          // std::set
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// The mean of the squared gradient of every weight: the diagonal of the empirical Fisher
/// information, which stands for the curvature of the loss in each weight.
///
///     prunus::gradient_second_moment<float> curvature;
///     for (each sample, or small batch) { net.backward(); curvature.add(net.parameters()); }
///     prunus::prune(net, prunus::pass{prunus::second_order{curvature}, prunus::element}, 0.9);
///
/// It is the mean over what was added: gradients of single samples give the empirical Fisher
/// information itself; gradients of batches of B samples give about a B-th of it, where the mean
/// gradient is small, which ranks the weights alike. At the optimum of a likelihood whose model
/// fits, it is the Hessian's diagonal.
///
/// Memory: one number a weight that has a gradient. A value: copy it, merge it, save it.
template <weight_scalar S>
class gradient_second_moment {
 public:
  using value_type = score_of<S>;
  using tensor = named_tensor<value_type>;

  /// Adds the squares of the gradients as they stand. The first call decides which parameters take
  /// part: those that have a gradient. Cost: two passes over the gradients.
  /// @throws argument_error (empty_model: no parameter has a gradient; unknown_name: other
  /// parameters than before), shape_error (shape_mismatch), value_error (not_finite: names the
  /// parameter); nothing is then added
  void add(const model<S>& net) {
    std::vector<const parameter<S>*> trained;
    for (const parameter<S>& p : net.parameters())
      if (!p.options.gradient.empty()) trained.push_back(&p);
    if (trained.empty())
      throw argument_error(errc::empty_model,
                           "gradient_second_moment: no parameter of the model has a gradient");
    if (means_.empty())
      for (const parameter<S>* p : trained) means_.push_back(zeros_like(*p));
    if (trained.size() != means_.size())
      throw argument_error(
          errc::unknown_name,
          detail::concat("gradient_second_moment: ", trained.size(),
                         " parameters with gradients, before there were ", means_.size()));
    for (std::size_t i = 0; i < trained.size(); ++i) check(*trained[i], means_[i]);
    ++count_;
    const value_type share = static_cast<value_type>(1) / static_cast<value_type>(count_);
    for (std::size_t i = 0; i < trained.size(); ++i) {
      const auto g = detail::scores_from(trained[i]->options.gradient.data,
                                         trained[i]->options.gradient.size());
      values m = values_of(means_[i]);
      m += share * (g.square() - m);
    }
  }

  /// Gradients added so far.
  [[nodiscard]] Index count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  void reset() noexcept {
    means_.clear();
    count_ = 0;
  }

  /// The means of a parameter in the memory order of its weight. @throws argument_error
  /// (unknown_name)
  [[nodiscard]] const tensor& operator[](std::string_view name) const {
    for (const tensor& t : means_)
      if (t.name == name) return t;
    throw argument_error(
        errc::unknown_name,
        detail::concat("gradient_second_moment: no gradients of ", name, " were added"));
  }

  /// As if the gradients that `other` has seen had been added here, up to rounding.
  /// @throws argument_error (unknown_name: other parameters), shape_error (shape_mismatch)
  void merge(const gradient_second_moment& other) {
    if (other.empty()) return;
    if (empty()) {
      *this = other;
      return;
    }
    bool same = means_.size() == other.means_.size();
    for (std::size_t i = 0; same && i < means_.size(); ++i)
      same = means_[i].name == other.means_[i].name;
    if (!same)
      throw argument_error(errc::unknown_name,
                           "gradient_second_moment: gathered from models of other parameters");
    for (std::size_t i = 0; i < means_.size(); ++i)
      if (!means_[i].view().same_shape(other.means_[i].view()))
        throw shape_error(errc::shape_mismatch,
                          detail::concat("gradient_second_moment: ", means_[i].name, " is ",
                                         describe(means_[i].view()), " here and ",
                                         describe(other.means_[i].view()), " there"));
    count_ += other.count_;
    const value_type share =
        static_cast<value_type>(other.count_) / static_cast<value_type>(count_);
    for (std::size_t i = 0; i < means_.size(); ++i) {
      values m = values_of(means_[i]);
      m += share * (detail::scores_from(other.means_[i].values.data(), m.size()) - m);
    }
  }

  void save(archive_writer& out) const {
    out.tag("prunus second moment 1");
    out.number(static_cast<std::int64_t>(sizeof(value_type)));
    out.number(static_cast<std::int64_t>(count_));
    out.number(static_cast<std::int64_t>(means_.size()));
    for (const tensor& t : means_) {
      out.text(t.name);
      out.values(t.extents.data(), 4);
      out.values(t.axes.data(), 4);
      out.number(static_cast<std::int64_t>(t.rank));
      out.values(t.values.data(), static_cast<Index>(t.values.size()));
    }
  }
  /// Replaces what was gathered by what was saved, bit for bit.
  /// @throws file_error (truncated, malformed); this object is then unchanged
  void load(archive_reader& in) {
    in.tag("prunus second moment 1");
    if (const Index bytes = in.count("bytes of a number"); bytes != Index{sizeof(value_type)})
      throw file_error(errc::malformed,
                       detail::concat(in.origin(), ": second moments of ", bytes,
                                      " bytes each, here they have ", sizeof(value_type)));
    const Index count = in.count("gradients");
    const Index size = in.count("parameters");
    std::vector<tensor> loaded;
    std::set<std::string> names;
    for (Index i = 0; i < size; ++i) {
      tensor t;
      t.name = in.text();
      in.values(t.extents.data(), 4);
      in.values(t.axes.data(), 4);
      t.rank = static_cast<int>(std::min<Index>(in.count("axes"), 6));
      const bool is_new = names.insert(t.name).second;
      if (!is_new || t.rank > 5 || !detail::is_shape(t.extents, t.axes))
        throw file_error(errc::malformed,
                         detail::concat(in.origin(), ": the second moments of ", t.name,
                                        is_new ? " have a shape that is none, or an axis twice: "
                                               : " stand there twice: ",
                                        detail::joined_extents(t.extents)));
      read(in, t.values, *detail::product_of(t.extents));
      loaded.push_back(std::move(t));
    }
    means_ = std::move(loaded);
    count_ = count;
  }

 private:
  using values = Eigen::Map<Eigen::Array<value_type, Eigen::Dynamic, 1>>;

  [[nodiscard]] static tensor zeros_like(const parameter<S>& p) {
    return {p.name, p.weight.extents, p.weight.axes, p.weight.rank,
            std::vector<value_type>(static_cast<std::size_t>(p.weight.size()))};
  }
  [[nodiscard]] static values values_of(tensor& t) {
    return {t.values.data(), static_cast<Index>(t.values.size())};
  }
  /// In pieces, so that a damaged length meets the end of the file before memory runs out.
  static void read(archive_reader& in, std::vector<value_type>& to, Index count) {
    constexpr Index piece = 1 << 16;
    for (Index done = 0; done < count; done += piece) {
      const Index length = std::min(piece, count - done);
      to.resize(static_cast<std::size_t>(done + length));
      in.values(to.data() + done, length);
    }
  }
  static void check(const parameter<S>& p, const tensor& known) {
    if (p.name != known.name)
      throw argument_error(errc::unknown_name,
                           detail::concat("gradient_second_moment: ", p.name,
                                          " stands where there was ", known.name, " before"));
    if (!known.view().same_shape(p.weight))
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("gradient_second_moment: ", p.name, " is ", describe(p.weight),
                         ", before it was ", describe(known.view())));
    if (!detail::scores_from(p.options.gradient.data, p.options.gradient.size()).isFinite().all())
      throw value_error(errc::not_finite,
                        detail::concat("gradient_second_moment: the gradient of ", p.name,
                                       " is not finite; check the training for divergence"));
  }

  std::vector<tensor> means_;
  Index count_ = 0;
};

}  // namespace v0
}  // namespace prunus
