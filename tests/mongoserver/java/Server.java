import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;

/** A MongoDB-compatible server for the tests: mongo-java-server on an H2 file. */
public final class Server {

    /** What pymongo asks of a server before it speaks to it, and mongo-java-server does not say by itself. */
    private static final class Backend extends H2Backend {

        Backend(String file) {
            super(file);
            version(new MongoVersion() {
                @Override
                public List<Integer> getVersionArray() {
                    return List.of(4, 4, 0);
                }

                @Override
                public int getWireVersion() {
                    return 9;
                }
            });
        }

        /** {@code hello} is the newer name of {@code isMaster}, the one that mongo-java-server knows. */
        @Override
        public Document handleCommand(Channel channel, String database, String command, Document query) {
            return super.handleCommand(channel, database, command.equals("hello") ? "isMaster" : command, query);
        }
    }

    /** Arguments: the port, and the file for the data. */
    public static void main(String[] arguments) {
        var server = new MongoServer(new Backend(arguments[1]));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    }
}
