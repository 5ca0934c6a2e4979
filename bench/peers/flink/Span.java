import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One pass, from its first record in to its last output out; static, as cluster and job share the process. */
class Span {
  private static final OperatingSystemMXBean process =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private static long nanos;
  private static long cpuNanos;
  private static boolean hasEnded;
  static volatile int checkpoints;
  static List<String> answers = List.of();

  static void reset() {
    hasEnded = false;
    checkpoints = 0;
    answers = new ArrayList<>();
  }

  static synchronized void begin() {
    nanos = -System.nanoTime();
    cpuNanos = -process.getProcessCpuTime();
  }

  static synchronized void end() {
    nanos += System.nanoTime();
    cpuNanos += process.getProcessCpuTime();
    hasEnded = true;
  }

  static synchronized String toJson(int events) throws IOException {
    if (!hasEnded) throw new IllegalStateException("The job ended without its last output.");
    long peakRssKib = Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findAny().orElse(0);
    return String.format(java.util.Locale.ROOT,
        "{\"events\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,\"outputs\":%d,\"peakRssMb\":%d,\"checkpoints\":%d}",
        events, nanos / 1e9, cpuNanos / 1e9, answers.size(), peakRssKib / 1024, checkpoints);
  }
}
