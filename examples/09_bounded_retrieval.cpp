// SPDX-License-Identifier: MIT
// Finds the best documents for a query without scoring all that match: what cannot be among the
// best is skipped, because an upper bound of its score says so. Shows that the result stays the
// same to the last digit, how much work is left with exact bounds, with bounds approximated as
// published and by our tighter rules, and how long it takes. Needs no data: it generates its own
// documents.
#include <prunus/retrieval/block_max_weak_and.hpp>
#include <prunus/retrieval/bm25.hpp>
#include <prunus/retrieval/dirichlet_language_model.hpp>
#include <prunus/retrieval/dlh13.hpp>
#include <prunus/retrieval/max_score.hpp>
#include <prunus/retrieval/pl2.hpp>
#include <prunus/retrieval/retrieve.hpp>
#include <prunus/retrieval/weak_and.hpp>

#include <CLI/CLI.hpp>
#include <examples/support/csv.hpp>
#include <examples/support/effectiveness.hpp>
#include <examples/support/file_output.hpp>
#include <examples/support/generated_collection.hpp>
#include <examples/support/plot.hpp>
#include <examples/support/text_collection.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace prunus_examples;
using prunus::ranked_item;
using prunus::retrieval::evaluation_statistics;

struct options {
  std::string data;
  std::string output = "prunus-bounded-retrieval";
  Index documents = 10000, rounds = 5;
  std::vector<Index> depths{10, 1000};
};

/// All queries by one strategy with one kind of bound.
struct measurement {
  std::string strategy, bounds;
  evaluation_statistics counts;
  double milliseconds = 0;  ///< a query, the fastest round
  double mean_average_precision = 0, mean_ndcg = 0;
  std::vector<std::vector<ranked_item>> found;
  bool same = true;  ///< as the exhaustive one, to the last bit
};

using timer = std::chrono::steady_clock;

double milliseconds_since(timer::time_point start) {
  return std::chrono::duration<double, std::milli>(timer::now() - start).count();
}

/// Measures one weighting; the ways take turns, so that what else the machine does hits all alike.
template <class Weighting>
class comparison_of_ways {
 public:
  comparison_of_ways(const text_collection& texts, const Weighting& weighting, Index k)
      : texts_(texts), weighting_(weighting), exact_(texts.index, weighting), k_(k) {}

  [[nodiscard]] std::vector<measurement> run(Index rounds) {
    for (Index round = 0; round < rounds; ++round) {
      way_ = 0;
      const prunus::retrieval::approximated_bounds as_published{.shortest_length = false},
          by_length{.frequency_classes = false}, by_classes;
      measure("exhaustive", "none", prunus::retrieval::exhaustive{}, by_classes);
      measure("WAND", "exact", prunus::retrieval::weak_and{}, exact_);
      measure("WAND", "approximated as published", prunus::retrieval::weak_and{}, as_published);
      measure("WAND", "ours: shortest document", prunus::retrieval::weak_and{}, by_length);
      measure("WAND", "ours: frequency classes", prunus::retrieval::weak_and{}, by_classes);
      measure("block-max", "exact", prunus::retrieval::block_max_weak_and{}, exact_);
      measure("block-max", "ours: frequency classes", prunus::retrieval::block_max_weak_and{},
              by_classes);
      measure("MaxScore", "exact", prunus::retrieval::max_score{}, exact_);
      measure("MaxScore", "approximated as published", prunus::retrieval::max_score{},
              as_published);
      measure("MaxScore", "ours: frequency classes", prunus::retrieval::max_score{}, by_classes);
      if constexpr (std::is_same_v<Weighting, prunus::retrieval::bm25>) {
        measure("WAND", "limit", prunus::retrieval::weak_and{}, prunus::retrieval::limit_bounds{});
        measure("MaxScore", "limit", prunus::retrieval::max_score{},
                prunus::retrieval::limit_bounds{});
      }
    }
    for (measurement& m : ways_) judge(m);
    return ways_;
  }

 private:
  template <class Strategy, class Bounds>
  void measure(const char* strategy, const char* bounds, const Strategy& evaluate,
               const Bounds& bound) {
    if (way_ == ways_.size()) ways_.emplace_back();
    measurement& m = ways_[way_++];
    m.strategy = strategy;
    m.bounds = bounds;
    m.found.clear();
    m.counts = {};
    const timer::time_point start = timer::now();
    for (const judged_query& query : texts_.queries)
      m.found.push_back(
          retrieve(texts_.index, weighting_, query.terms, k_, evaluate, bound, &m.counts));
    const double elapsed = milliseconds_since(start) / static_cast<double>(texts_.queries.size());
    m.milliseconds = m.milliseconds > 0 ? std::min(m.milliseconds, elapsed) : elapsed;
  }

  void judge(measurement& m) const {
    m.mean_average_precision =
        mean_over_judged(texts_.queries, [&](const judged_query& query, std::size_t q) {
          return average_precision(m.found[q], query.relevant);
        });
    m.mean_ndcg = mean_over_judged(texts_.queries, [&](const judged_query& query, std::size_t q) {
      return ndcg(m.found[q], query.relevant, 10);
    });
    m.same = m.found == ways_.front().found;
  }

  const text_collection& texts_;
  const Weighting& weighting_;
  prunus::retrieval::exact_bounds<Weighting> exact_;
  Index k_;
  std::vector<measurement> ways_;
  std::size_t way_ = 0;
};

double share_scored(const measurement& m) {
  return static_cast<double>(m.counts.postings_scored) / static_cast<double>(m.counts.postings);
}

/// Tables and curves of everything that was measured.
struct results {
  csv_table table{{"weighting", "k", "strategy", "bounds", "postings", "postings_scored",
                   "documents_scored", "documents_abandoned", "milliseconds_a_query",
                   "mean_average_precision", "ndcg_at_10", "same_result"}};
  bool same = true;

  void add(const std::string& weighting, Index k, const std::vector<measurement>& ways) {
    std::printf("\n%s, the best %td: MAP@%td %.4f, nDCG@10 %.4f\n", weighting.c_str(), k, k,
                ways.front().mean_average_precision, ways.front().mean_ndcg);
    for (const measurement& m : ways) {
      std::printf("  %-11s %-27s %6.1f %% of the postings scored  %7.4f ms a query %5.2f x  %s\n",
                  m.strategy.c_str(), m.bounds.c_str(), 100 * share_scored(m), m.milliseconds,
                  ways.front().milliseconds / m.milliseconds,
                  m.same ? "same result" : "ANOTHER RESULT");
      table.add(weighting, k, m.strategy, m.bounds, m.counts.postings, m.counts.postings_scored,
                m.counts.documents_scored, m.counts.documents_abandoned, m.milliseconds,
                m.mean_average_precision, m.mean_ndcg, m.same);
      same = same && m.same;
    }
  }
};

/// How the work grows with the number of documents wanted.
figure work_over_depth(const text_collection& texts) {
  const prunus::retrieval::bm25 weighting;
  const prunus::retrieval::exact_bounds exact(texts.index, weighting);
  figure picture{.title = "BM25: the same documents for less work",
                 .x_label = "documents wanted, log2 k",
                 .y_label = "postings scored, % of those that match",
                 .y_range = axis_range{0, 100}};
  const auto add = [&](const char* label, const auto& strategy, const auto& bounds) {
    curve line{.label = label};
    for (Index log_k = 0; log_k <= 10; ++log_k) {
      evaluation_statistics counts;
      for (const judged_query& query : texts.queries)
        retrieve(texts.index, weighting, query.terms, Index{1} << log_k, strategy, bounds, &counts);
      line.x.push_back(static_cast<double>(log_k));
      line.y.push_back(100 * static_cast<double>(counts.postings_scored) /
                       static_cast<double>(counts.postings));
    }
    picture.curves.push_back(line);
  };
  const prunus::retrieval::approximated_bounds as_published{.shortest_length = false}, by_classes;
  add("WAND, exact bounds", prunus::retrieval::weak_and{}, exact);
  add("WAND, as published", prunus::retrieval::weak_and{}, as_published);
  add("WAND, frequency classes", prunus::retrieval::weak_and{}, by_classes);
  add("block-max, frequency classes", prunus::retrieval::block_max_weak_and{}, by_classes);
  add("WAND, limit", prunus::retrieval::weak_and{}, prunus::retrieval::limit_bounds{});
  add("MaxScore, exact bounds", prunus::retrieval::max_score{}, exact);
  add("MaxScore, frequency classes", prunus::retrieval::max_score{}, by_classes);
  return picture;
}

int run(const options& chosen) {
  // What would fail at the end must fail now.
  const std::filesystem::path folder = output_folder(chosen.output);

  const text_collection texts = chosen.data.empty() ? generate_collection(chosen.documents)
                                                    : read_text_collection(chosen.data);
  const prunus::retrieval::collection_statistics& all = texts.index.collection();
  Index postings = 0, terms = 0;
  for (Index t = 0; t < texts.index.terms(); ++t) postings += texts.index.postings(t).size();
  for (const judged_query& query : texts.queries) terms += static_cast<Index>(query.terms.size());
  std::printf(
      "%s: %td documents of %.1f words, %td terms, %td postings in %.2f bytes each; "
      "%zu queries of %.1f terms, %td of them with judgements\n",
      texts.name.c_str(), all.documents, all.mean_length(), texts.index.terms(), postings,
      static_cast<double>(texts.index.bytes()) / static_cast<double>(postings),
      texts.queries.size(), static_cast<double>(terms) / static_cast<double>(texts.queries.size()),
      std::count_if(texts.queries.begin(), texts.queries.end(),
                    [](const judged_query& query) { return !query.relevant.empty(); }));

  results found;
  const auto measure = [&](const char* name, const auto& weighting) {
    for (const Index k : chosen.depths)
      found.add(name, k, comparison_of_ways(texts, weighting, k).run(chosen.rounds));
  };
  measure("BM25", prunus::retrieval::bm25{});
  measure("language model", prunus::retrieval::dirichlet_language_model{});
  measure("PL2", prunus::retrieval::pl2{});
  measure("DLH13", prunus::retrieval::dlh13{});

  const std::string csv = (folder / "retrieval.csv").string(),
                    svg = (folder / "retrieval.svg").string();
  found.table.write(csv);
  const plot_result drawn = draw(work_over_depth(texts), svg);
  std::printf("\n%s%s\n", csv.c_str(),
              drawn.drawn ? (", " + svg).c_str() : ("; " + drawn.message).c_str());
  return found.same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Retrieves documents exactly, skipping what upper bounds prove to be too bad.");
  app.add_option("--data", chosen.data,
                 "folder with doc-text.trec, query-text.trec and qrels; else generated documents");
  app.add_option("--documents", chosen.documents, "generated ones")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--k", chosen.depths, "how many documents are wanted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", chosen.rounds, "of which the fastest counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--output", chosen.output, "folder for the table and the picture")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "09_bounded_retrieval: %s\n", problem.what());
    return 1;
  }
}
