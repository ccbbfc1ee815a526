// Ranks the passages given on the command line:  rerank QUERY PASSAGE…
#include <dear/dear.h>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s QUERY PASSAGE...\n", argv[0]);
    return 2;
  }
  const std::string query = argv[1];
  const std::vector<std::string> passages(argv + 2, argv + argc);
  try {
    // A folder, a .gguf file or a hub id works as well; an adapter finds its base by itself.
    const dear::Engine engine = dear::Engine::Load("smollm2-135m-instruct");
    const dear::Ranker ranker = engine.MakeRanker();
    const dear::Ranking ranking = ranker.Rank(query, passages);
    for (const dear::RankedPassage& passage : ranking.passages)
      std::printf("%8.4f  %s\n", passage.score, passages[passage.index].c_str());
  } catch (const dear::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
