import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One of the jobs in Apache Flink, in its MiniCluster in this process, with one subtask, again and again in one JVM.
 * Arguments: job (j1, j2, j3), input file, state (heap, rocksdb), order (arrival, event: of j2), folder for checkpoints
 * and answers. It says in one JSON line what it runs on. Then each line on standard input asks for a pass, which says
 * what it took in one JSON line on standard output, and leaves its answers in `answers` in that folder, as they came.
 */
class FlinkPeer {
  public static void main(String[] args) {
    try {
      answerRequests(args[0], Path.of(args[1]), args[2], args[3].equals("event"), Path.of(args[4]));
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getCause() != null) cause = cause.getCause();
      System.err.println(cause); // Flink's own exceptions around it say only where it passed
      System.exit(1);
    }
  }

  private static void answerRequests(String job, Path input, String state, boolean inEventOrder, Path folder)
      throws Exception {
    InputLines.read(input);
    Configuration settings = settings(state, folder);
    var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println(machine());
    while (requests.readLine() != null) {
      Span.reset();
      var environment = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
      answersOf(job, environment.fromSequence(0, InputLines.count() - 1), inEventOrder).sinkTo(new AnswerSink());
      System.gc();
      environment.execute(job);
      Files.write(folder.resolve("answers"), Span.answers);
      System.out.println(Span.toJson(InputLines.count()));
    }
  }

  private static String machine() {
    String collector = ManagementFactory.getGarbageCollectorMXBeans().get(0).getName();
    return String.format("{\"runs\":\"Flink %s on Java %s, %s, heap of %d MiB\"}",
        EnvironmentInformation.getVersion(), System.getProperty("java.version"), collector,
        Runtime.getRuntime().maxMemory() >> 20);
  }

  private static DataStream<String> answersOf(String job, DataStream<Long> numbers, boolean inEventOrder) {
    return switch (job) {
      case "j1" -> WalletVolume.build(transfers(numbers));
      case "j2" -> PassThrough.build(transfers(numbers), inEventOrder);
      case "j3" -> PriceJoin.build(numbers.map(new ParseLine<>(Quote.class)).returns(Quote.class)
          .assignTimestampsAndWatermarks(FlinkPeer.<Quote>inOrder().withTimestampAssigner((quote, none) -> quote.ts)));
      default -> throw new IllegalArgumentException("There is no job " + job + ".");
    };
  }

  private static DataStream<Transfer> transfers(DataStream<Long> numbers) {
    return numbers.map(new ParseLine<>(Transfer.class)).returns(Transfer.class).assignTimestampsAndWatermarks(
        FlinkPeer.<Transfer>inOrder().withTimestampAssigner((transfer, none) -> transfer.ts));
  }

  private static <Line> WatermarkStrategy<Line> inOrder() {
    return WatermarkStrategy.forGenerator(context -> new InOrder<>());
  }

  private static Configuration settings(String state, Path folder) {
    var settings = new Configuration();
    settings.set(StateBackendOptions.STATE_BACKEND, state.equals("heap") ? "hashmap" : "rocksdb");
    settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(512)); // RocksDB's caches
    settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(1));
    settings.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
    settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, folder.resolve("checkpoints").toUri().toString());
    settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
    settings.set(PipelineOptions.OBJECT_REUSE, true);
    settings.set(PipelineOptions.GENERIC_TYPES, false); // an element that only Kryo could write is an error
    settings.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    settings.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
    settings.set(RestOptions.BIND_PORT, "0");
    return settings;
  }
}
