#include "run/threads.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <exception>

namespace pellucid {
namespace {

ThreadPool* pool = nullptr;
std::once_flag made;

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Long enough to bridge the short stretches of one step that only the calling thread works on.
constexpr auto spin_time = std::chrono::microseconds(200);

template <class Ready>
bool spin(Ready ready) {
  const auto start = std::chrono::steady_clock::now();
  for (int round = 1;; ++round) {
    if (ready()) return true;
    relax();
    if (round % 64 == 0) {
      if (std::chrono::steady_clock::now() - start > spin_time) return false;
      // On a machine with more to do than cores, the thread that is waited for must get one.
      if (round % 1024 == 0) std::this_thread::yield();
    }
  }
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  std::call_once(made, [] {
    pool = new ThreadPool;
    // The old pool is left as it is: its threads do not exist in the child, so it can be neither used nor destroyed.
    pthread_atfork(nullptr, nullptr, [] { pool = new ThreadPool; });
  });
  return *pool;
}

std::unique_lock<std::mutex> ThreadPool::try_take() { return std::unique_lock<std::mutex>(taken_, std::try_to_lock); }

int ThreadPool::have_workers(int wanted) {
  try {
    while (static_cast<int>(workers_.size()) < wanted) {
      workers_.reserve(workers_.size() + 1);
      auto worker = std::make_unique<Worker>();
      worker->thread = std::thread(loop, std::ref(*worker));
      workers_.push_back(std::move(worker));
    }
  } catch (const std::exception&) {
    // The system gives no more threads, or no memory for one: those that are there do the work.
  }
  return std::min(wanted, static_cast<int>(workers_.size()));
}

void ThreadPool::loop(Worker& worker) {
  const auto ready = [&] { return worker.state.load(std::memory_order_acquire) == State::given; };
  for (;;) {
    if (!spin(ready)) {
      std::unique_lock<std::mutex> lock(worker.mutex);
      // Sequentially consistent, as is the check in run(): one of the two sides must see the other's store.
      worker.parked.store(true);
      worker.wake.wait(lock, [&] { return worker.stopping || worker.state.load() == State::given; });
      worker.parked.store(false);
      if (worker.stopping) return;
    }
    State given = State::given;
    // The caller may have taken the job back.
    if (!worker.state.compare_exchange_strong(given, State::running)) continue;
    worker.job.work(worker.job.context, worker.job.part, worker.job.parts);
    worker.state.store(State::idle, std::memory_order_release);
  }
}

void ThreadPool::run(int parts, Work work, void* context) {
  const int helped = 1 + have_workers(parts - 1);
  for (int part = 1; part < helped; ++part) {
    Worker& worker = *workers_[part - 1];
    worker.job = {work, context, part, parts};
    worker.state.store(State::given);
    if (worker.parked.load()) {
      std::lock_guard<std::mutex> lock(worker.mutex);
      worker.wake.notify_one();
    }
  }
  work(context, 0, parts);
  for (int part = helped; part < parts; ++part) work(context, part, parts);
  for (int part = 1; part < helped; ++part) {
    Worker& worker = *workers_[part - 1];
    State given = State::given;
    if (worker.state.compare_exchange_strong(given, State::idle)) {
      work(context, part, parts);
      continue;
    }
    while (!spin([&] { return worker.state.load(std::memory_order_acquire) == State::idle; }))
      std::this_thread::yield();
  }
}

ThreadPool::~ThreadPool() {
  for (auto& worker : workers_) {
    {
      std::lock_guard<std::mutex> lock(worker->mutex);
      worker->stopping = true;
    }
    worker->wake.notify_one();
    worker->thread.join();
  }
}

}  // namespace pellucid
